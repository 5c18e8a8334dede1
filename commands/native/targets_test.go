package native

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"certkdb/commands/op/sessions"
)

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
