package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scorer compares the program with the manifest.
type scorer struct {
	folder   string
	expected expectations
	program  *program

	chainScores chainScores
}

// judge scores the rows of one kind: it returns what is wrong.
type judge func(*scorer, *row) ([]problem, error)

// judges are the kinds that are more than a file to be shown; a new one needs a function and a line here.
var judges = map[string]judge{
	"chain-suite":           (*scorer).chains,
	"wycheproof-pbes2-json": (*scorer).vectors,
}

// expects is what a file of a kind holds if it is good, in the words of show --expect. A kind that is not here may hold anything.
var expects = map[string]string{
	"cert": "certificate", "root-cert": "certificate", "arm": "certificate", "trust-bundle": "certificate",
	"intermediate-bundle": "certificate",
	"crl":                 "crl", "csr": "request", "key": "key", "pubkey": "public-key",
	"pkcs12": "pkcs12", "pkcs7": "pkcs7", "jks": "jks", "jceks": "jceks", "cms-kdb": "cms",
}

// row scores one row.
func (s *scorer) row(r row) result {
	check, ok := judges[r.Kind]
	if !ok {
		check = (*scorer).file
	}
	problems, err := check(s, &r)
	switch {
	case errors.Is(err, errSkip):
		return result{row: r, skipped: err.Error()}
	case err != nil:
		problems = append(problems, problem{r.Path, "", err.Error()})
	}
	return result{row: r, problems: problems}
}

func (s *scorer) path(r *row) string {
	return filepath.Join(s.folder, filepath.FromSlash(r.Path))
}

// show describes the row's file to the program.
func (s *scorer) show(r *row, password *string, keys []string) (*outcome, error) {
	args := []string{"show", "--json", "--file", s.path(r)}
	if what := expects[strings.TrimPrefix(r.Kind, "fuzz-")]; what != "" {
		args = append(args, "--expect", what)
	}
	return s.program.run(call{args: args, password: password, keys: keys})
}

// file scores a file that the program shows.
func (s *scorer) file(r *row) ([]problem, error) {
	data, err := os.ReadFile(s.path(r))
	if err != nil {
		return nil, err
	}
	o, err := s.show(r, r.Password, r.Keys)
	if err != nil {
		return nil, err
	}
	problems := s.verdict(r, o, data)
	after, err := os.ReadFile(s.path(r))
	if err == nil && !slices.Equal(data, after) {
		problems = append(problems, r.problem("reading changed it"))
	}
	return problems, err
}

func (r *row) problem(format string, args ...any) problem {
	return problem{path: r.Path, text: fmt.Sprintf(format, args...)}
}

// verdict compares one run with what the manifest expects.
func (s *scorer) verdict(r *row, o *outcome, data []byte) []problem {
	if fault := o.fault(); fault != "" {
		return []problem{r.problem("%s", fault)}
	}
	switch r.Expected {
	case "refuse":
		if o.exit == 0 {
			return []problem{r.problem("it was not refused")}
		}
	case "parse":
		if o.exit != 0 {
			return []problem{r.problem("exit code %d: %s", o.exit, firstLine(o.stderr))}
		}
		return s.parsed(r, o, data)
	case "either", "no-crash":
		if o.exit != 0 && o.stderr == "" {
			return []problem{r.problem("exit code %d without a message", o.exit)}
		}
	default:
		return []problem{r.problem("MANIFEST.tsv expects %q of it, which has no rule here", r.Expected)}
	}
	return nil
}

// parsed compares the contents, and gives a wrong password.
func (s *scorer) parsed(r *row, o *outcome, data []byte) []problem {
	got, err := o.shown()
	if err != nil {
		return []problem{r.problem("%v", err)}
	}
	var problems []problem
	if want, ok := s.expected.contents[r.Path]; ok {
		problems = append(problems, r.compareBags(got.Items, want)...)
	}
	if want, ok := s.expected.jks[r.Path]; ok {
		problems = append(problems, r.compareAliases(got.Items, want)...)
	}
	problems = append(problems, r.compareArmour(got.Items, data)...)
	if r.Password != nil {
		problems = append(problems, s.wrongPassword(r, o)...)
	}
	return problems
}

// compareBags compares with expected/contents.json.
func (r *row) compareBags(items []item, want []bag) []problem {
	var got []bag
	for _, i := range items {
		b := bag{FriendlyName: i.Label, LocalKeyID: i.LocalKeyID, TrustedKeyUsage: i.TrustedKeyUsage}
		switch i.Type {
		case "certificate":
			b.Type, b.SHA256 = "cert", i.SHA256
		case "private-key":
			b.Type, b.SPKI = "key", i.SPKI
		default: // the file does not speak of others
			continue
		}
		got = append(got, b)
	}
	return r.difference(lines(got), lines(want))
}

func lines[T any](list []T) []string {
	var out []string
	for _, one := range list {
		out = append(out, fmt.Sprintf("%+v", one))
	}
	return out
}

// difference compares two multisets.
func (r *row) difference(got, want []string) []problem {
	var problems []problem
	rest := slices.Clone(got)
	for _, one := range want {
		if i := slices.Index(rest, one); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		problems = append(problems, r.problem("missing %s", one))
	}
	for _, one := range rest {
		problems = append(problems, r.problem("not expected %s", one))
	}
	return problems
}

// kindOfAlias are the types of expected/jks.json and the program's words for them.
var kindOfAlias = map[string]string{
	"trusted-cert": "trusted", "private-key": "personal", "key-password-unknown": "personal", "secret-key": "secret-key",
}

// compareAliases compares with expected/jks.json.
func (r *row) compareAliases(items []item, want []alias) []problem {
	var problems []problem
	rest := slices.Clone(items)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(i item) bool { return i.Label == w.Alias })
		if i < 0 {
			problems = append(problems, r.problem("the alias %q is missing", w.Alias))
			continue
		}
		if text := w.compare(&rest[i]); text != "" {
			problems = append(problems, r.problem("alias %q: %s", w.Alias, text))
		}
		rest = slices.Delete(rest, i, i+1)
	}
	for _, i := range rest {
		problems = append(problems, r.problem("the alias %q is not expected", i.Label))
	}
	return problems
}

func (w *alias) compare(got *item) string {
	chain := len(got.Certificates)
	switch {
	case got.Type != kindOfAlias[w.Type]:
		return fmt.Sprintf("it is a %s, not a %s", got.Type, w.Type)
	case w.Chain != nil && chain != *w.Chain:
		return fmt.Sprintf("its chain has %d certificates, not %d", chain, *w.Chain)
	case w.First != nil && (chain == 0 || !strings.HasPrefix(got.Certificates[0].SHA256, *w.First)):
		return "its certificate is not " + *w.First
	case got.Locked != (w.Type == "key-password-unknown"):
		return fmt.Sprintf("its key is locked: %t", got.Locked)
	case w.Type == "secret-key" && w.Algorithm != nil && got.Algorithm != *w.Algorithm:
		return fmt.Sprintf("its algorithm is %q, not %q", got.Algorithm, *w.Algorithm)
	case w.Type == "private-key" && w.Algorithm != nil && !algorithmFits(*w.Algorithm, got.KeyType):
		return fmt.Sprintf("its key type is %q, not of %q", got.KeyType, *w.Algorithm)
	}
	return ""
}

// algorithmFits compares Java's name of a key algorithm with the program's key type; names that are not known here fit.
func algorithmFits(algorithm, keyType string) bool {
	prefixes, ok := map[string][]string{
		"RSA": {"rsa"}, "DSA": {"dsa"}, "EC": {"p2", "p3", "p5", "ec", "secp", "brainpool"}, "EdDSA": {"ed"},
	}[algorithm]
	return !ok || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(keyType, p) })
}

// compareArmour compares the certificates of a bundle with those that Go's own reader of PEM finds.
func (r *row) compareArmour(items []item, data []byte) []problem {
	if r.Kind != "pem-bundle" && r.Kind != "trust-bundle" && r.Kind != "intermediate-bundle" {
		return nil
	}
	var got, want []string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			sum := sha256.Sum256(block.Bytes)
			want = append(want, "certificate "+hex.EncodeToString(sum[:]))
		}
	}
	for _, i := range items {
		if i.Type == "certificate" {
			got = append(got, "certificate "+i.SHA256)
		}
	}
	return r.difference(got, want)
}

// wrongPassword wants a file refused with another password than its own, unless the same is shown without any.
func (s *scorer) wrongPassword(r *row, right *outcome) []problem {
	wrong := *r.Password + "-wrong"
	o, err := s.show(r, &wrong, nil)
	if err != nil {
		return []problem{r.problem("%v", err)}
	}
	if fault := o.fault(); fault != "" {
		return []problem{r.problem("under a wrong password: %s", fault)}
	}
	if o.exit != 0 {
		return nil
	}
	if open, err := s.show(r, nil, nil); err == nil && open.exit == 0 && open.stdout == right.stdout {
		return nil // nothing in it is protected
	}
	return []problem{r.problem("a wrong password is taken")}
}

// vectors are inputs of an algorithm, not files: no command takes them. The tests of package pbe do.
func (s *scorer) vectors(*row) ([]problem, error) {
	return nil, fmt.Errorf("%w: vectors of an algorithm, which are no files for a program", errSkip)
}
