package native

import (
	"bytes"
	"testing"
)

// TestPrintJSON_emptyListsAreLists: a script takes the members of a list without asking whether there are any.
func TestPrintJSON_emptyListsAreLists(t *testing.T) {
	t.Parallel()
	type inner struct {
		Names []string `json:"names"`
		Extra []string `json:"extra,omitempty"`
	}
	type result struct {
		inner
		Below  inner   `json:"below"`
		Many   []inner `json:"many"`
		To     *inner  `json:"to"`
		None   *inner  `json:"none,omitempty"`
		Number uint64  `json:"number,string"`
	}
	var out bytes.Buffer
	if err := printJSON(&out, "x", result{Many: []inner{{}}, To: &inner{}, Number: 1 << 63}, false); err != nil {
		t.Fatal(err)
	}
	const want = `{"schema":"certkdb.x/v1","names":[],"below":{"names":[]},"many":[{"names":[]}],` +
		`"to":{"names":[]},"number":"9223372036854775808"}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}
