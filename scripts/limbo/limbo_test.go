package limbo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/scripts/conformancedata"
	"certkdb/scripts/limbo"
)

// known reads the disagreements that are accounted for: testdata/conformance-known.tsv at the root of the checkout.
func known(t testing.TB) map[string]bool {
	data, err := os.ReadFile("../../testdata/conformance-known.tsv")
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if f := strings.Split(line, "\t"); len(f) >= 3 && !strings.HasPrefix(line, "#") {
			list[f[0]+" "+f[1]] = true
		}
	}
	return list
}

func load(t testing.TB, file string) *limbo.Suite {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	suite, err := limbo.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	return suite
}

// TestConformance runs every suite. Each disagreement must be in the list of those accounted for, and each of the list
// must still be one.
func TestConformance(t *testing.T) {
	t.Parallel()
	dir := conformancedata.Folder(t)
	accounted := known(t)
	for _, file := range []string{
		"limbo.json", "pkits.json", "openssl-verify.json", "botan-verify.json", "boringssl-verify.json",
		"limbo-bettertls.json",
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			runSuite(t, file, load(t, filepath.Join(dir, "chains", file)), accounted)
		})
	}
}

func runSuite(t *testing.T, file string, suite *limbo.Suite, accounted map[string]bool) {
	agreed, all := map[string]int{}, map[string]int{}
	for i := range suite.Cases {
		c := &suite.Cases[i]
		all[c.Tier]++
		result, err := c.Run(time.Now())
		good := result.Valid == c.WantsSuccess() && agreesOnPolicies(c, result.Policies)
		if good {
			agreed[c.Tier]++
		}
		if key := "chains/" + file + " " + c.ID; good == accounted[key] {
			t.Errorf("%s (%s, %v): want %s, got %v %v %v\n%s", c.ID, c.Tier, c.Features, c.ExpectedResult, result.Valid, result.Policies, err,
				firstLine(c.Description))
		}
	}
	for tier, n := range all {
		t.Logf("%s %s: %d of %d (%.1f %%)", file, tier, agreed[tier], n, 100*float64(agreed[tier])/float64(n))
	}
}

func firstLine(s string) string {
	if len(s) > 600 {
		s = s[:600]
	}
	return s + "\n"
}

func agreesOnPolicies(c *limbo.Case, got []string) bool {
	if c.Policy == nil || c.Policy.ExpectedSet == "" || !c.WantsSuccess() {
		return true
	}
	want := strings.Split(c.Policy.ExpectedSet, ", ")
	slices.Sort(want)
	return fmt.Sprint(want) == fmt.Sprint(got)
}
