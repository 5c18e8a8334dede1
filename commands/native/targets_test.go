package native

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/sessions"
)

func TestProgress_oneLineThatGoesAway(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	env := &op.Env{Progress: func() io.Writer { return &b }}
	p := progressOf(env)
	p.step(1, 1) // one server is no progress
	if b.Len() > 0 {
		t.Errorf("for one server it shows %q", b.String())
	}
	p.step(9, 20)
	p.step(8, 20) // overtaken by the ninth
	p.step(20, 20)
	p.end()
	p.end()
	if want := "\r9 of 20 servers\r20 of 20 servers\r" + strings.Repeat(" ", 16) + "\r"; b.String() != want {
		t.Errorf("it shows %q, want %q", b.String(), want)
	}
	for _, env := range []*op.Env{{}, {Progress: func() io.Writer { return nil }}} {
		if p := progressOf(env); p != nil {
			t.Error("progress without a terminal")
		} else {
			p.step(1, 2)
			p.end()
		}
	}
}

func TestPrintTargets_lineForEachServer(t *testing.T) {
	t.Parallel()
	until := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	targets := []*sessions.Result{
		{
			Address: "a:443", ServerName: "a", Status: sessions.StatusOK, Protocol: "TLS 1.3", TrustedBy: "root",
			Chain: []sessions.Sent{{SHA256: "00ff", NotAfter: &until}},
		},
		{Address: "b:443", Status: sessions.StatusWarning},
		{Address: "c:25", StartTLS: "smtp", Status: sessions.StatusFailed, Findings: []sessions.Finding{
			{Code: "closed", Cause: "evil \u009b2J, \"x\"", Remedy: "see"},
		}},
	}
	for format, want := range map[string]string{
		formatName: "c:25\n",
		formatCSV: "address,server_name,starttls,status,code,cause,remedy,protocol,cipher_suite,key_exchange,not_after,sha256,trusted_by\n" +
			"a:443,a,,ok,,,,TLS 1.3,,,2027-01-31T12:00:00Z,00ff,root\n" +
			"b:443,,,warning,,,,,,,,,\n" +
			"c:25,,smtp,failed,closed,\"evil \\u009b2J, \"\"x\"\"\",see,,,,,,\n",
	} {
		var b bytes.Buffer
		if err := printTargets(&b, targets, format); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%q\nwant\n%q", format, err, b.String(), want)
		}
	}
	var b bytes.Buffer
	if err := printTargets(&b, targets, formatJSONL); err != nil {
		t.Error(err)
	}
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], `{"address":"a:443"`) || !strings.Contains(lines[2], `evil \u009b2J`) {
		t.Errorf("as jsonl\n%s", b.String())
	}
}
