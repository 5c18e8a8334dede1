package op

import (
	"context"
	"errors"
	"slices"
)

// Guard asks before a change loses something that cannot be made again. Operations tell it what their changes would lose; [Run] asks once
// for all of it, before anything is stored. Those of a nil Guard lose it without a question.
type Guard struct {
	// Ask returns nil if the losses are accepted. It is called while nothing is locked.
	Ask func(ctx context.Context, lost []Loss) error

	agreed, now []Loss
}

// Loss is what an entry loses.
type Loss struct {
	Label string
	What  Lost
}

// Lost is a kind of loss.
type Lost int

// The kinds: an entry with its private key is replaced; a certificate is no longer trusted.
const (
	LostKey Lost = iota
	LostTrust
)

// Lose notes a loss.
func (g *Guard) Lose(label string, what Lost) {
	if g != nil {
		g.now = append(g.now, Loss{label, what})
	}
}

// begin forgets what an earlier try noted.
func (g *Guard) begin() {
	if g != nil {
		g.now = nil
	}
}

// settle returns err, or a [Pause] if something is to be asked first: also about a try that ended at its first change.
func (g *Guard) settle(err error) error {
	if g == nil || err != nil && !errors.Is(err, errChanges) {
		return err
	}
	asked := slices.DeleteFunc(slices.Clone(g.now), func(l Loss) bool { return slices.Contains(g.agreed, l) })
	if len(asked) == 0 {
		return err
	}
	return Pause{Resume: func(ctx context.Context) error {
		err := g.Ask(ctx, asked)
		if err == nil {
			g.agreed = append(g.agreed, asked...)
		}
		return err
	}}
}
