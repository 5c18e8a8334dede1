package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"certkdb/scripts/conformancedata"
)

// row is a line of MANIFEST.tsv.
type row struct{ conformancedata.Row }

// readRows reads MANIFEST.tsv and adds the suites in chains/ that it does not name. A folder may have suites alone.
func readRows(folder string) ([]row, error) {
	suites, err := filepath.Glob(filepath.Join(folder, "chains", "*.json"))
	if err != nil {
		return nil, err
	}
	manifest, err := conformancedata.Manifest(folder)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && len(suites) > 0) {
		return nil, err
	}
	var rows []row
	for _, r := range manifest {
		rows = append(rows, row{r})
	}
	for _, suite := range suites {
		path := "chains/" + filepath.Base(suite)
		if !slices.ContainsFunc(rows, func(r row) bool { return r.Path == path }) {
			rows = append(rows, row{conformancedata.Row{Path: path, Kind: "chain-suite", Expected: "per-case"}})
		}
	}
	return rows, nil
}

// readKnown reads the disagreements that are known: file, case or "-", reason. Lines that begin with # are comments.
func readKnown(path string) (map[string]string, error) {
	known := map[string]string{}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	for n, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		cells := strings.SplitN(line, "\t", 3)
		if len(cells) != 3 {
			return nil, fmt.Errorf("%s, line %d: three columns are wanted: file, case or -, reason", path, n+1)
		}
		key := cells[0]
		if cells[1] != "-" {
			key += "\t" + cells[1]
		}
		known[key] = cells[2]
	}
	return known, nil
}

// bag is an element of expected/contents.json.
type bag struct {
	Type            string `json:"type"`
	FriendlyName    string `json:"friendlyName"`
	LocalKeyID      string `json:"localKeyID"`
	SHA256          string `json:"sha256"`
	SPKI            string `json:"spki_sha256"`
	TrustedKeyUsage bool   `json:"trustedKeyUsage"`
}

// alias is an element of expected/jks.json.
type alias struct {
	Alias     string  `json:"alias"`
	Type      string  `json:"type"`
	Algorithm *string `json:"algorithm"`
	Chain     *int    `json:"chain_length"`
	First     *string `json:"first_cert_sha256_prefix"`
}

// expectations are what other programs read.
type expectations struct {
	contents map[string][]bag
	jks      map[string][]alias
}

func readExpected(folder string) (expectations, error) {
	var e expectations
	err := errors.Join(
		readJSON(filepath.Join(folder, "expected", "contents.json"), &e.contents),
		readJSON(filepath.Join(folder, "expected", "jks.json"), &e.jks),
	)
	return e, err
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// state tells whether a file was written to.
type state struct {
	size     int64
	modified time.Time
}

func listing(folder string) (map[string]state, error) {
	found := map[string]state{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			found[path] = state{info.Size(), info.ModTime()}
		}
		return err
	})
	return found, err
}

// changes lists what differs between two listings.
func changes(before, after map[string]state) []string {
	var list []string
	for path, was := range before {
		if is, ok := after[path]; !ok || is != was {
			list = append(list, path)
		}
	}
	for path := range after {
		if _, ok := before[path]; !ok {
			list = append(list, path)
		}
	}
	slices.Sort(list)
	return list
}
