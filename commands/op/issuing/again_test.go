package issuing_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/issuing"
	"certkdb/commands/op/optest"
	"certkdb/kdb"
)

// TestRequestAgain_isReceivedUnderTheSameLabel: the request has the names and the key of the entry, and changes nothing here.
func TestRequestAgain_isReceivedUnderTheSameLabel(t *testing.T) {
	t.Parallel()
	s := withCA(t)
	request, certificate := filepath.Join(t.TempDir(), "web.csr"), filepath.Join(t.TempDir(), "web.crt")
	before := optest.State(t, s)
	text, err := issuing.RequestAgain{Label: "web", Out: op.Output{Path: request}}.Run(ctx, s)
	if written, _ := os.ReadFile(request); err != nil || string(written) != text || !strings.Contains(text, "BEGIN NEW CERTIFICATE REQUEST") {
		t.Fatalf("%v, %s", err, text)
	}
	optest.Expect(t, s, before)
	one(t, s, issuing.Sign{
		CA: issuing.Authority{Label: "root"}, Files: []string{request}, Out: op.Output{Path: certificate},
		Spec: issuing.Spec{PathLen: -1, Days: 30}, Preserve: true,
	})
	if received := one(t, s, issuing.Receive{Files: []string{certificate}}); received.Label != "web" || !received.Changed {
		t.Errorf("%+v", received)
	}
	if printed, err := (issuing.RequestAgain{Label: "web"}).Run(ctx, s); err != nil || !strings.HasPrefix(printed, "-----BEGIN ") {
		t.Errorf("without a file: %q, %v", printed, err)
	}
}

func TestRequestAgain_refuses(t *testing.T) {
	t.Parallel()
	s := optest.New(t, optest.NewCA(t, "Root").Trusted("root"), optest.Request(t, "pending"))
	for label, want := range map[string]error{"none": kdb.ErrNotFound, "root": nil, "pending": nil} {
		_, err := issuing.RequestAgain{Label: label}.Run(ctx, s)
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v", label, err)
		}
	}
	out := op.Output{Path: filepath.Join(t.TempDir(), "none", "a.csr")}
	if _, err := (issuing.RequestAgain{Label: "root", Out: out}).Run(ctx, s); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("into no folder: %v", err)
	}
}
