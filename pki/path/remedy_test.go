package path

import "testing"

// TestRemedies_saySomething looks for an action without a sentence, and for two that nobody could tell apart.
func TestRemedies_saySomething(t *testing.T) {
	t.Parallel()
	said := map[string]Action{}
	for a := NoAction + 1; a <= ReissueByRules; a++ {
		text := Remedy{Action: a, Subject: "CN=CA", KeyID: "0102"}.String()
		if other, again := said[text]; text == "" || again {
			t.Errorf("action %d says %q, as action %d does", a, text, other)
		}
		said[text] = a
	}
	if text := (Remedy{}).String(); text != "" {
		t.Errorf("no action says %q", text)
	}
}

func TestRemedy_namesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Remedy{
		`add the certificate of "CN=CA"`: {Action: AddIssuer, Subject: "CN=CA"},
		`add the certificate of "CN=CA", which it says is at http://ca.example`: {
			Action: AddIssuer, Subject: "CN=CA", URL: "http://ca.example",
		},
		"its issuer has another key: add the issuer's certificate with the subject key identifier 0102": {Action: AddIssuerByKey, KeyID: "0102"},
		`trust the certificate of "CN=CA", or accept partial chains`:                                    {Action: TrustIssuer, Subject: "CN=CA"},
		`give the current CRL of "CN=CA"`:                                                               {Action: GiveCRL, Subject: "CN=CA"},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
