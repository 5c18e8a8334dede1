package native

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
)

// How a shell goes on with an answer. It is the first line of it.
const (
	answerWords   = "words"   // the word is one of these
	answerOpen    = "open"    // the same, and more of the word follows: no space comes after it
	answerFiles   = "files"   // the name of a file, which the shell completes itself
	answerFolders = "folders" // the name of a folder
)

// answer is what can stand in the place of an unfinished word.
type answer struct {
	how   string
	words []candidate
}

// candidate is a word, and what it means where a shell shows that.
type candidate struct{ word, about string }

// completer completes command lines.
type completer struct {
	ctx      context.Context
	env      *op.Env
	commands []*cli.Command
}

// maxLabels is how many labels a shell is offered.
const maxLabels = 1000

// typed is a command line up to the unfinished word.
type typed struct {
	path     []string // of the command
	command  *cli.Command
	commands []*cli.Command // that may follow
	flags    []cli.Flag
	given    map[string]string // options with values, by their first names
	args     []string
	wanting  cli.Flag // the option whose value is unfinished
	ended    bool     // by "--": what follows are arguments
}

// read reads the finished words.
func (c completer) read(finished []string) *typed {
	t := &typed{commands: c.commands, flags: commonFlags(""), given: map[string]string{}}
	for _, word := range finished {
		switch {
		case t.wanting != nil:
			t.given[t.wanting.Names()[0]], t.wanting = word, nil
		case t.ended || t.foreign():
			t.args = append(t.args, word)
		case word == "--":
			t.ended = true
		case len(word) > 1 && word[0] == '-':
			t.option(word)
		default:
			t.word(word)
		}
	}
	return t
}

// foreign says that the rest of the line is that of another program.
func (t *typed) foreign() bool { return t.command != nil && t.command.SkipFlagParsing }

func (t *typed) option(word string) {
	f := optionNamed(t.flags, optionName(word))
	if f == nil || isSwitch(f) {
		return
	}
	if _, value, joined := strings.Cut(word, "="); joined {
		t.given[f.Names()[0]] = value
		return
	}
	t.wanting = f
}

// word is a command or an argument.
func (t *typed) word(word string) {
	next := lookup(t.commands, word)
	if next == nil || len(t.args) > 0 {
		t.args = append(t.args, word)
		return
	}
	t.path, t.command, t.commands = append(t.path, next.Name), next, next.Subcommands
	t.flags = next.Flags
}

// answer says what can follow the finished words, where the last word begins as given.
func (c completer) answer(finished []string, word string) answer {
	t := c.read(finished)
	switch {
	case t.foreign():
		return answer{how: answerFiles}
	case t.wanting != nil:
		return c.value(t, t.wanting, word)
	case strings.HasPrefix(word, "-") && !t.ended:
		name, value, joined := strings.Cut(word, "=")
		if !joined {
			return beginning(word, optionCandidates(t.flags))
		}
		f := optionNamed(t.flags, optionName(word))
		if f == nil || isSwitch(f) {
			return answer{how: answerWords}
		}
		return c.value(t, f, value).after(name + "=")
	case len(t.args) == 0 && (t.command == nil || len(t.commands) > 0):
		return beginning(word, commandCandidates(t.commands))
	case t.command == nil:
		return answer{how: answerWords}
	}
	return c.argument(t, word)
}

// after puts in front of the words what the shell takes for a part of them.
func (a answer) after(front string) answer {
	for i := range a.words {
		a.words[i].word = front + a.words[i].word
	}
	return a
}

// value completes the value of an option.
func (c completer) value(t *typed, f cli.Flag, word string) answer {
	name := f.Names()[0]
	words, list := wordsOf(c.env, strings.Join(t.path, " "), name)
	switch kind := placeholder(f); {
	case list:
		return nextOf(word, words)
	case words != nil && name == "sort" && strings.HasPrefix(word, "-"):
		return beginning(word[1:], plain(words)).after("-")
	case words != nil && name == "profile":
		return beginning(word, plain(t.profiles(c.env, words)))
	case words != nil:
		return beginning(word, plain(words))
	case kind == "SRC":
		return c.source(word)
	case kind == "LABEL":
		return c.labels(t, name, word)
	case kind == "FILE":
		return answer{how: answerFiles}
	case kind == "FOLDER":
		return answer{how: answerFolders}
	}
	return answer{how: answerWords}
}

// profiles are those of the key store that a line makes, if that is known, else all.
func (t *typed) profiles(env *op.Env, all []string) []string {
	for _, names := range [][2]string{{flagDB, "type"}, {"to", "type"}, {"out", "format"}} {
		location, kind := t.given[names[0]], t.given[names[1]]
		if location == "" && kind == "" {
			continue
		}
		driver, err := kdb.ForNew(env.Drivers, location, kind)
		if err == nil && slices.Contains([]string{"init", "copy", "export"}, t.command.Name) && driver.Profiles != nil {
			return slices.Clone(driver.Profiles)
		}
	}
	return all
}

// argument completes one that is no option.
func (c completer) argument(t *typed, word string) answer {
	usage := strings.Fields(t.command.ArgsUsage)
	i := len(t.args)
	if last := len(usage) - 1; i > last && last >= 0 && strings.Contains(usage[last], "…") {
		i = last
	}
	if i >= len(usage) {
		return answer{how: answerWords}
	}
	found := answer{how: answerWords}
	for kind := range strings.SplitSeq(strings.Trim(usage[i], "[]…"), "|") {
		switch kind = strings.TrimRight(kind, "…"); kind {
		case "LABEL", "PATTERN":
			found = c.labels(t, "", word)
		case "COMMAND":
			found = c.explained(t, word)
		case "NAME":
			found = c.slots(t, word)
		case "FILE", "DATABASE":
			if len(found.words) == 0 {
				found.how = answerFiles
			}
		case "FOLDER", "DIR":
			if len(found.words) == 0 && found.how != answerFiles {
				found.how = answerFolders
			}
		}
	}
	return found
}

// explained completes what help and man explain, and the names of schemas.
func (c completer) explained(t *typed, word string) answer {
	if t.command.Name == "schema" {
		return beginning(word, plain(schemaNames(results())))
	}
	below := c.commands
	for _, arg := range t.args {
		next := lookup(below, arg)
		if next == nil {
			return answer{how: answerWords}
		}
		below = next.Subcommands
	}
	all := commandCandidates(below)
	if len(t.args) == 0 {
		all = append(all, plain(topicNames())...)
	}
	return beginning(word, all)
}

// labels completes a label: the argument of a command for "", or the value of an option.
func (c completer) labels(t *typed, option, word string) answer {
	location, password := t.given[flagDB], t.given[flagPassword]
	if file := t.given["password-file"]; file != "" {
		password = "file:" + file
	}
	switch {
	case option == "ca" && t.given["ca-db"] != "":
		location, password = t.given["ca-db"], t.given[string(op.FieldCAPassword)]
	case option == "only" && len(t.args) > 0:
		location, password = t.args[0], t.given[string(op.FieldInPassword)]
	}
	o := inspect.Completion{
		DB: op.DB{Location: location, Password: op.Password{Source: op.ParseReference(password)}}, Prefix: word, Most: maxLabels,
		Fits: fits(cmp.Or(option, strings.Join(t.path, " "))),
	}
	var words []candidate
	for _, label := range o.Labels(c.ctx, c.env) {
		if !slices.Contains(t.args, label) && op.Printable(label) == label {
			words = append(words, candidate{word: label})
		}
	}
	return answer{answerWords, words}
}

// fits says which entries an option or a command is about; nil if any may be named.
func fits(what string) func(*kdb.Summary) bool {
	kind := func(k kdb.Kind) func(*kdb.Summary) bool { return func(s *kdb.Summary) bool { return s.Kind == k } }
	switch what {
	case "ca", "issued", "crl":
		return func(s *kdb.Summary) bool { return s.CA && s.Kind == kdb.KindPersonal }
	case "cert", "renew", "default":
		return kind(kdb.KindPersonal)
	case "trust":
		return func(s *kdb.Summary) bool {
			return !s.Trusted && s.Kind != kdb.KindRequest && s.Kind != kdb.KindSecretKey
		}
	case "distrust":
		return func(s *kdb.Summary) bool { return s.Trusted }
	}
	return nil
}

// slots completes the name of a key slot.
func (c completer) slots(t *typed, word string) answer {
	s, err := op.Open(c.ctx, c.env, op.DB{Location: t.given[flagDB]})
	if err != nil {
		return answer{how: answerWords}
	}
	defer s.Close()
	listed, err := databases.ListSlots{}.Run(c.ctx, s)
	var words []candidate
	for _, slot := range listed.Slots {
		if err == nil && slot.Name != "" {
			words = append(words, candidate{slot.Name, slot.Kind})
		}
	}
	return beginning(word, words)
}

// source completes where a password comes from.
func (c completer) source(word string) answer {
	const file = "file:"
	if path, ok := strings.CutPrefix(word, file); ok {
		return filesAt(path).after(file)
	}
	return beginning(word, plain(sourcesOf()))
}

// filesAt are the files whose paths begin with one.
func filesAt(path string) answer {
	folder, name := filepath.Split(path)
	found, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return answer{how: answerWords}
	}
	var words []candidate
	for _, f := range found {
		if !strings.HasPrefix(f.Name(), name) || name == "" && strings.HasPrefix(f.Name(), ".") || len(words) == maxLabels {
			continue
		}
		word := folder + f.Name()
		if info, err := os.Stat(word); err == nil && info.IsDir() {
			word += "/"
		}
		words = append(words, candidate{word: word})
	}
	return ended(words)
}

func commandCandidates(commands []*cli.Command) []candidate {
	var all []candidate
	for _, c := range commands {
		if !c.Hidden {
			all = append(all, candidate{c.Name, c.Usage})
		}
	}
	return all
}

// optionCandidates are the options as they are written, those of one letter included, each once.
func optionCandidates(flags []cli.Flag) []candidate {
	var all []candidate
	for _, f := range flags {
		about := ""
		if documented, ok := f.(cli.DocGenerationFlag); ok {
			about = strings.ReplaceAll(documented.GetUsage(), "`", "")
		}
		for _, name := range f.Names() {
			hyphens := "--"
			if len(name) == 1 && name != "c" && name != "o" { // of a subject
				hyphens = "-"
			}
			all = append(all, candidate{hyphens + name, about})
		}
		if f.Names()[0] == flagOutput {
			all = append(all, candidate{"-o", about})
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return slices.CompactFunc(all, func(a, b candidate) bool { return a.word == b.word })
}

func plain(words []string) []candidate {
	all := make([]candidate, len(words))
	for i, word := range words {
		all[i].word = word
	}
	return all
}

// beginning are those that begin as typed.
func beginning(word string, all []candidate) answer {
	return ended(slices.DeleteFunc(all, func(c candidate) bool { return !strings.HasPrefix(c.word, word) }))
}

// ended says whether the words are whole: one that ends with a colon or a slash is not.
func ended(words []candidate) answer {
	for _, c := range words {
		if strings.HasSuffix(c.word, ":") || strings.HasSuffix(c.word, "/") {
			return answer{answerOpen, words}
		}
	}
	return answer{answerWords, words}
}

// nextOf completes the last of several words with commas between, each of which is given once.
func nextOf(word string, all []string) answer {
	before := word[:strings.LastIndex(word, ",")+1]
	given := commas([]string{before})
	found := beginning(word[len(before):], plain(slices.DeleteFunc(all, func(w string) bool { return slices.Contains(given, w) })))
	found.how = answerOpen
	return found.after(before)
}
