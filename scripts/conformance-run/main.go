// Command conformance-run holds the built program against a folder of other projects' key stores, keys, certificates and
// broken inputs, whose file MANIFEST.tsv says what a reader has to make of each of them, and prints how often it agrees.
//
//	go run ./scripts/conformance-run -program bin/certkdb -known testdata/conformance-known.tsv DIR
//
// It runs the suites of certificate chains in chains/*.json too, whether the manifest names them or not.
//
// The columns of MANIFEST.tsv and the rules are those of the folder's README: what must be parsed gives exactly the entries
// recorded in expected/, and is refused under a wrong password; what must be refused ends in an error; nothing may panic, take
// longer than five seconds or more than a gigabyte, or change its input. The program is only run, never linked.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.program, "program", "bin/certkdb", "the program to run")
	flag.StringVar(&o.known, "known", "testdata/conformance-known.tsv", "disagreements that are known: file, case or -, reason")
	flag.StringVar(&o.kinds, "kinds", "", "only these kinds, separated by commas")
	flag.DurationVar(&o.limit, "timeout", 5*time.Second, "how long one run of the program may take")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: conformance-run [-program FILE] [-known FILE] [-kinds LIST] DIR")
		os.Exit(2)
	}
	o.folder = flag.Arg(0)
	agreed, err := o.run(os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(2)
	}
	if !agreed {
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	program, known, kinds, folder string
	limit                         time.Duration
}

// run scores every row and prints the result; it says whether all disagreements are known.
func (o options) run(w io.Writer) (bool, error) {
	rows, err := readRows(o.folder)
	if err != nil {
		return false, err
	}
	known, err := readKnown(o.known)
	if err != nil {
		return false, err
	}
	expected, err := readExpected(o.folder)
	if err != nil {
		return false, err
	}
	if o.kinds != "" {
		wanted := strings.Split(o.kinds, ",")
		rows = slices.DeleteFunc(rows, func(r row) bool { return !slices.Contains(wanted, r.Kind) })
	}
	before, err := listing(o.folder)
	if err != nil {
		return false, err
	}
	started := time.Now()
	s := &scorer{folder: o.folder, expected: expected, program: &program{path: o.program, limit: o.limit}}
	results := s.all(rows)
	after, err := listing(o.folder)
	if err != nil {
		return false, err
	}
	report := newReport(results, known)
	for _, path := range changes(before, after) {
		report.unknown = append(report.unknown, problem{path: path, text: "the file was changed, made or removed by reading"})
	}
	report.print(w)
	s.chainScores.print(w)
	fmt.Fprintf(
		w,
		"%d files, %d runs of the program in %.1f s, the slowest took %.2f s, the largest %d MiB\n",
		len(
			rows,
		),
		s.program.runs.Load(),
		time.Since(started).Seconds(),
		time.Duration(s.program.slowest.Load()).Seconds(),
		s.program.largest.Load()>>20,
	)
	return len(report.unknown) == 0, nil
}

// problem is one disagreement.
type problem struct{ path, item, text string }

// result is what became of one row.
type result struct {
	row
	problems []problem
	// skipped says why the row is not scored; "" if it is.
	skipped string
}

// errSkip says that a row cannot be scored with this program.
var errSkip = errors.New("not scored")

// all scores the rows in parallel and returns the results in the rows' order.
func (s *scorer) all(rows []row) []result {
	results := make([]result, len(rows))
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := range next {
				results[i] = s.row(rows[i])
			}
		})
	}
	for i := range rows {
		next <- i
	}
	close(next)
	wg.Wait()
	return results
}

// report is the sum of all results.
type report struct {
	scores         map[score]*count
	unknown, known []problem
	skipped        map[string]int
	stale          []string
}

// score names a line of the report.
type score struct{ kind, tier, expected string }

type count struct{ agreed, scored, known int }

func newReport(results []result, known map[string]string) *report {
	r := &report{scores: map[score]*count{}, skipped: map[string]int{}}
	for _, one := range results {
		if one.skipped != "" {
			r.skipped[one.Kind+": "+one.skipped]++
			continue
		}
		r.add(one, known)
	}
	return r
}

func (r *report) add(one result, known map[string]string) {
	expected, _, _ := strings.Cut(one.Expected, " ") // suites say more
	key := score{one.Kind, cmp.Or(one.Tier, "-"), expected}
	c := r.scores[key]
	if c == nil {
		c = &count{}
		r.scores[key] = c
	}
	c.scored++
	if len(one.problems) == 0 {
		c.agreed++
		if _, ok := known[one.Path]; ok {
			r.stale = append(r.stale, one.Path)
		}
		return
	}
	before := len(r.unknown)
	for _, p := range one.problems {
		reason, ok := reasonFor(known, p)
		if !ok {
			r.unknown = append(r.unknown, p)
			continue
		}
		p.text += " [" + reason + "]"
		r.known = append(r.known, p)
	}
	if len(r.unknown) == before {
		c.known++
	}
}

// reasonFor finds a problem in the list: its file, or its case within the file. Suites may stand there without their folder.
func reasonFor(known map[string]string, p problem) (string, bool) {
	for _, key := range []string{p.path, p.path + "\t" + p.item, path.Base(p.path) + "\t" + p.item} {
		if reason, ok := known[key]; ok && (p.item != "" || key == p.path) {
			return reason, true
		}
	}
	return "", false
}

func (r *report) print(w io.Writer) {
	keys := slices.SortedFunc(maps.Keys(r.scores), func(a, b score) int {
		return cmp.Or(strings.Compare(a.kind, b.kind), strings.Compare(a.tier, b.tier), strings.Compare(a.expected, b.expected))
	})
	for _, key := range keys {
		c := r.scores[key]
		fmt.Fprintf(w, "%-22s %-8s %-9s %4d of %d", key.kind, key.tier, key.expected, c.agreed, c.scored)
		if c.known > 0 {
			fmt.Fprintf(w, ", %d known", c.known)
		}
		fmt.Fprintln(w)
	}
	for _, why := range slices.Sorted(maps.Keys(r.skipped)) {
		fmt.Fprintf(w, "%s (%d)\n", why, r.skipped[why])
	}
	printProblems(w, "known", r.known)
	printProblems(w, "DISAGREES", r.unknown)
	for _, path := range r.stale {
		fmt.Fprintf(w, "agrees now, although it is in the list of known disagreements: %s\n", path)
	}
}

func printProblems(w io.Writer, word string, list []problem) {
	for _, p := range list {
		fmt.Fprintf(w, "%s: %s%s: %s\n", word, p.path, strings.TrimSuffix(" "+p.item, " "), p.text)
	}
}
