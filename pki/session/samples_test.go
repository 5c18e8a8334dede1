package session_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"certkdb/pki/session"
	"certkdb/scripts/conformancedata"
)

var (
	block   = regexp.MustCompile("(?m)^([0-9]+)\\. [^\n]*\n```\n((?s:.*?))```")
	samples = map[int]func(*testing.T, *session.File){
		1: func(t *testing.T, f *session.File) {
			wants(t, f, "", "vault.example.com:1500 ssl=false required=DEFAULT accept=true")
		},
		2: func(t *testing.T, f *session.File) {
			wants(t, f, "harbour", "2001:db8::15:1601 ssl=true required=YES accept=true")
			if len(f.Unknown()) != 2 {
				t.Errorf("%v", f.Unknown())
			}
		},
		3: func(t *testing.T, f *session.File) {
			wants(t, f, "dock", "dock.example.com:1500 ssl=true required=SERVERONLY accept=true")
		},
		4: func(t *testing.T, f *session.File) {
			wants(t, f, "a", "a.example.com:1500 ssl=false required=DEFAULT accept=true", "3 too-short SSLD", "4 too-short SS")
		},
		5: func(t *testing.T, f *session.File) {
			wants(t, f, "south", "s.example.com:1500 ssl=true required=DEFAULT accept=true")
		},
		6: func(t *testing.T, f *session.File) {
			wants(t, f, "", "blue.example.com:1500 ssl=false required=DEFAULT accept=true")
			wants(t, f, "RED", "red.example.com:1500 ssl=true required=DEFAULT accept=true")
		},
		7: func(t *testing.T, f *session.File) {
			wants(t, f, "", "late.example.com:1500 ssl=false required=DEFAULT accept=true", "1 not-an-option #", "2 outside-stanza TCPPORT")
		},
		8: func(t *testing.T, f *session.File) {
			wants(t, f, "", "files.example.com:1500 ssl=false required=DEFAULT accept=true")
			if u := f.Unknown(); len(u) != 4 || u[0].Value != "/media/*" || u[3].Value != "/etc/tsm/incl excl.list" {
				t.Errorf("%v", u)
			}
		},
		9: func(t *testing.T, f *session.File) {
			wants(t, f, "", "q.example.com:1500 ssl=false required=DEFAULT accept=true", "3 quoted SSL", "(4 quoted PASSWORDACCESS)")
		},
		10: func(t *testing.T, f *session.File) {
			wants(t, f, "", "vault.example.com:1500 ssl=false required=DEFAULT accept=false")
			if u := f.Unknown(); len(u) != 3 || u[0].Value != `C:\Program Files\Tivoli\TSM\baclient\dsmerror.log` || u[2].Name != "QUIET" {
				t.Errorf("%v", u)
			}
		},
		11: func(t *testing.T, f *session.File) {
			wants(t, f, "", "p.example.com:1500 ssl=true required=DEFAULT accept=true")
			for level, port := range map[session.Level]int{{8, 1, 1}: 1506, {7, 1, 7}: 1506, {8, 1, 2}: 1505, {7, 1, 8}: 1505} {
				s := client(t, f, "").Session(session.Level{8, 1, 14}, session.Peer{Role: session.RoleReplicationTarget, Level: level})
				if s.Port.Value != port {
					t.Errorf("%s: port %d", level, s.Port.Value)
				}
			}
		},
		12: func(t *testing.T, f *session.File) {
			wants(t, f, "", "l.example.com:1500 ssl=true required=SERVERONLY accept=true")
			s := client(t, f, "").Session(session.Level{8, 1, 14}, session.Peer{Role: session.RoleStorageAgent, Level: session.Level{8, 1, 1}})
			if !s.Encrypted.Value || !slices.Contains(s.Encrypted.Because, "lanfreessl-old") || s.Port.Value != 1502 {
				t.Errorf("%+v", s)
			}
		},
		13: func(t *testing.T, f *session.File) {
			want := []string{"7 port-conflict SSLTCPADMINPORT", "(9 removed SSLTLS12)"}
			if got := problems(f); !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
			if s, _ := f.Server(); !s.FIPS.Value || s.SSLPort.Value != 1543 || s.AdminOnClientPort.Value {
				t.Errorf("%+v", s)
			}
		},
		14: func(t *testing.T, f *session.File) {
			s, err := f.Server()
			if err != nil || f.Err() != nil || len(f.Problems) > 0 || len(s.Names) != 2 || s.Names[0] != "VAULT" {
				t.Fatalf("%+v, %v", s, f.Problems)
			}
			for _, l := range s.Listeners(session.Level{8, 1, 14}) {
				if l.Plain || !l.TLS {
					t.Errorf("port %d takes sessions without TLS", l.Port)
				}
			}
			to := s.Session(session.Level{8, 1, 14}, session.Peer{Role: session.RoleTargetServer, Level: session.Level{8, 1, 14}})
			if !to.Encrypted.Value || to.Certificate.Value != session.FirstContact {
				t.Errorf("%+v", to)
			}
		},
	}
)

func wants(t *testing.T, f *session.File, name, want string, faults ...string) {
	t.Helper()
	c := client(t, f, name)
	got := fmt.Sprintf("%s:%d ssl=%v required=%s accept=%v",
		c.Address.Value, c.Port.Value, c.SSL.Value, c.Required.Value, c.AcceptCertificate.Value)
	if got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := problems(f); !slices.Equal(got, faults) {
		t.Errorf("problems %q, want %q", got, faults)
	}
}

func TestParse_samples(t *testing.T) {
	t.Parallel()
	found := block.FindAllSubmatch(conformancedata.Shared(t, "gskit/dsm-samples.md"), -1)
	if len(found) != 14 {
		t.Fatalf("%d samples", len(found))
	}
	for _, m := range found {
		number, _ := strconv.Atoi(string(m[1]))
		kind, text := session.DsmSys, string(m[2])
		switch number {
		case 5:
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case 10:
			kind = session.DsmOpt
		case 13:
			kind = session.DsmServ
		case 14:
			kind = session.DsmSta
		}
		t.Run(string(m[1]), func(t *testing.T) {
			t.Parallel()
			samples[number](t, session.Parse(kind, []byte(text)))
		})
	}
}

// TestParse_oddBytes is the fifteenth sample: a BOM, Latin-1, a lone CR, a NUL, a long line, no final newline.
func TestParse_oddBytes(t *testing.T) {
	t.Parallel()
	text := "\xef\xbb\xbf* M\xe4rz\nServername x\rTCPS h\nFoo a\x00b\nBar " + strings.Repeat("y", 100_000) + "\nSSL yes"
	f := session.Parse(session.DsmSys, []byte(text))
	wants(t, f, "", "h:1500 ssl=true required=DEFAULT accept=true", "4 control-character FOO")
}
