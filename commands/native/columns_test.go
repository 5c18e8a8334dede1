package native

import (
	"testing"
	"time"

	"certkdb/commands/native/terminal"
	"certkdb/commands/op"
)

// An entry that is listed because its chain ends first says when (N7).
func TestStatusText(t *testing.T) {
	t.Parallel()
	e := &op.Entry{Status: op.StatusValid}
	if got := statusText(e); got != "valid" {
		t.Errorf("%q", got)
	}
	e.ChainEnds = &op.ChainEnd{NotAfter: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)}
	if got := statusText(e); got != "valid, chain until 2027-01-31" {
		t.Errorf("%q", got)
	}
}

func TestColourOf(t *testing.T) {
	t.Parallel()
	left := func(days int64) *int64 { seconds := days * 24 * 60 * 60; return &seconds }
	for _, c := range []struct {
		status op.Status
		left   *int64
		want   terminal.Colour
	}{
		{op.StatusValid, left(31), terminal.Plain},
		{op.StatusValid, left(30), terminal.Yellow},
		{op.StatusExpired, left(-1), terminal.Red},
		{op.StatusRevoked, left(90), terminal.Red},
		{op.StatusNotYetValid, left(90), terminal.Yellow},
		{op.StatusNone, nil, terminal.Plain},
	} {
		if got := colourOf(c.status, c.left); got != c.want {
			t.Errorf("%s: %q, want %q", c.status, got, c.want)
		}
	}
}

func TestDaysLeft_countsDaysThatHaveBegun(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int64]string{
		90*86400 - 1: "90", 86400: "1", 86399: "1", 1: "1", 0: "0", -1: "-1", -86400: "-1", -86401: "-2",
	} {
		if got := daysLeft(&op.Entry{ExpiresInSeconds: &seconds}); got != want {
			t.Errorf("%d seconds: %s days, want %s", seconds, got, want)
		}
	}
}
