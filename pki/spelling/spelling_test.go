package spelling_test

import (
	"strings"
	"testing"

	"certkdb/pki/spelling"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	words := strings.Fields("init list lint copy crl create compact revoke delete web")
	for written, want := range map[string]string{
		"lsit": "list", "lst": "list", "nope": "", "cert": "", "craete": "create", "LIST": "list", "x": "", "": "", "delte": "delete",
		"remoke": "revoke", "wbe": "web", "Web": "web", "destroy": "", "re": "revoke", "RE": "revoke", "c": "", "cr": "", "comp": "compact",
		"toke": "", "leb": "web",
	} {
		if got := spelling.Nearest(words, written); got != want {
			t.Errorf("%q is near %q, want %q", written, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"SSL", "SSL", 0},
		{"SSL", "SLS", 1},
		{"SSL", "SS", 1},
		{"YES", "YSE", 1},
		{"ABCD", "AXCY", 2},
		{"ABC", "ABCDEF", 3},
		{"AB", "CD", 2},
	} {
		if got := spelling.Distance(c.a, c.b); got != c.want {
			t.Errorf("%s, %s: %d", c.a, c.b, got)
		}
	}
}
