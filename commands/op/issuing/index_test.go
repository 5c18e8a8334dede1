package issuing

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"certkdb/commands/op/optest"
	"certkdb/kdb"
	"certkdb/pki/cert"
)

// TestIndexLine: each record is what openssl ca writes: state, end, revocation with its reason, serial number, subject.
func TestIndexLine(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	until := func(end time.Time) []byte {
		return root.Issue(t, "www.example.com", func(c *x509.Certificate) {
			c.SerialNumber, c.NotAfter = big.NewInt(0xabc), end
		}).Certificate
	}
	valid := until(time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC))
	revokedAt := time.Date(2027, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	for _, c := range []struct {
		rule string
		r    kdb.Issued
		want string
	}{
		{"valid", kdb.Issued{Certificate: valid, Serial: "0abc"}, "V\t491231235959Z\t\t0ABC\tunknown\t/CN=www.example.com\n"},
		{
			"from 2050 on",
			kdb.Issued{Certificate: until(time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)), Serial: "0abc"},
			"V\t20500101000000Z\t\t0ABC\tunknown\t/CN=www.example.com\n",
		},
		{
			"expired",
			kdb.Issued{Certificate: until(optest.Now.Add(-time.Second)), Serial: "0abc"},
			"E\t" + optest.Now.Add(-time.Second).UTC().Format("060102150405Z") + "\t\t0ABC\tunknown\t/CN=www.example.com\n",
		},
		{
			"revoked",
			kdb.Issued{Certificate: valid, Serial: "0abc", RevokedAt: revokedAt, Reason: int(cert.KeyCompromise)},
			"R\t491231235959Z\t270203030506Z,keyCompromise\t0ABC\tunknown\t/CN=www.example.com\n",
		},
		{
			"a reason that openssl has no word for",
			kdb.Issued{Certificate: valid, Serial: "0abc", RevokedAt: revokedAt, Reason: 9},
			"R\t491231235959Z\t270203030506Z\t0ABC\tunknown\t/CN=www.example.com\n",
		},
		{
			"unreadable, revoked",
			kdb.Issued{Certificate: []byte("x"), Serial: "1", RevokedAt: revokedAt},
			"R\t010101000000Z\t270203030506Z,unspecified\t1\tunknown\t\n",
		},
	} {
		if got := indexLine(c.r, optest.Now); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.rule, got, c.want)
		}
	}
}
