package lint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"certkdb/pki"
	"certkdb/pki/lint"
)

func TestLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value any
		word  string
		ok    bool
	}{
		{json.Number("0"), "reserved", true},
		{json.Number("3"), "pass", true},
		{json.Number("7"), "fatal", true},
		{"warn", "warn", true},
		{json.Number("1"), "", false},
		{json.Number("8"), "8", false},
		{json.Number("-1"), "-1", false},
		{json.Number("3.5"), "", false},
		{"NA", "", false},
		{"", "", false},
		{"3", "", false},
		{nil, "", false},
	} {
		word, ok := lint.Level(c.value)
		if ok != c.ok || ok && word != c.word {
			t.Errorf("%v: %q, %t", c.value, word, ok)
		}
	}
}

// answering is a program that remembers the request and gives an answer.
func answering(answer string, asked *string) lint.Program {
	return func(request []byte) ([]byte, error) {
		*asked = string(request)
		return []byte(answer), nil
	}
}

func TestGate_letsPassWhatIsNotWorse(t *testing.T) {
	t.Parallel()
	const answer = `{"findings":[{"rule":"e_b","severity":6},{"rule":"e_c","severity":7},` +
		`{"rule":"e_a","severity":6},{"rule":"n_d","severity":4}]}`
	for _, c := range []struct {
		above int
		want  []string
	}{
		{0, nil},
		{3, []string{"e_a", "e_b", "e_c", "n_d"}},
		{4, []string{"e_a", "e_b", "e_c"}},
		{6, []string{"e_c"}},
		{7, nil},
	} {
		var asked string
		broken, err := lint.NewGate(c.above, []string{"w_x"}, []string{"Apple"}).Broken(answering(answer, &asked), []byte("der"))
		if err != nil || !slices.Equal(broken, c.want) {
			t.Errorf("above %d: %q, %v", c.above, broken, err)
		}
		if want := `{"certificate":"ZGVy","ignore_sources":["Apple"],"ignore":["w_x"]}`; c.above > 0 && asked != want {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestGate_needsTheProgram(t *testing.T) {
	t.Parallel()
	if _, err := lint.NewGate(3, nil, nil).Broken(nil, []byte("der")); !errors.Is(err, lint.ErrUnavailable) {
		t.Error(err)
	}
	if _, err := (lint.Gate{}).Broken(nil, []byte("der")); err != nil {
		t.Error(err)
	}
}

func TestProgram_failures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer string
		want   error
	}{
		{`{"error":"certificate","text":"too odd"}`, pki.ErrParse},
		{`{"error":"rules","text":"no rule e_x"}`, pki.ErrArgument},
		{`{"error":"request","text":"what?"}`, lint.ErrUnavailable},
		{`{`, lint.ErrUnavailable},
		{`[]`, lint.ErrUnavailable},
	} {
		var asked string
		if _, err := lint.NewGate(3, nil, nil).Broken(answering(c.answer, &asked), []byte("der")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.answer, err)
		}
	}
	broke := fmt.Errorf("broke")
	program := func([]byte) ([]byte, error) { return nil, broke }
	if _, err := lint.NewGate(3, nil, nil).Broken(program, []byte("der")); !errors.Is(err, broke) {
		t.Error(err)
	}
}

func TestCheck_asksForTheSet(t *testing.T) {
	t.Parallel()
	der := selfSigned(t, requestFor(t, "CN=x")).Certificate
	for set, want := range map[string]string{
		"":        `,"sources":["RFC5280","RFC5480","RFC5891","RFC8813","RFC3279"]}`,
		"rfc5280": `,"sources":["RFC5280","RFC5480","RFC5891","RFC8813","RFC3279"]}`,
		"webpki":  `"RFC3279","RFC6962","CABF_BR","CABF_EV","Mozilla","Apple","Chrome"]}`,
		"all":     `"}`,
	} {
		var asked string
		if _, err := answering(`{"findings":[]}`, &asked).Check(der, set); err != nil || !strings.HasSuffix(asked, want) {
			t.Errorf("%s: %s, %v", set, asked, err)
		}
	}
}
