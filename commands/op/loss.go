package op

import (
	"context"
	"maps"
)

// Guard asks before a change loses something that cannot be made again. Operations tell it what their changes would lose; [Run] asks once
// for all of it, before anything is stored. Those of a nil Guard lose it without a question.
type Guard struct {
	// Ask returns nil if the losses are accepted. It is called while nothing is locked.
	Ask func(ctx context.Context, lost []Loss) error

	agreed map[Loss]bool
	now    []Loss
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

// unasked are the noted losses that were not accepted yet, each once.
func (g *Guard) unasked() (losses []Loss) {
	if g == nil {
		return nil
	}
	known := maps.Clone(g.agreed)
	if known == nil {
		known = make(map[Loss]bool)
	}
	for _, l := range g.now {
		if !known[l] {
			known[l] = true
			losses = append(losses, l)
		}
	}
	return losses
}

// ask asks about the losses that were noted since begin.
func (g *Guard) ask(ctx context.Context) error {
	losses := g.unasked()
	if len(losses) == 0 {
		return nil
	}
	if err := g.Ask(ctx, losses); err != nil {
		return err
	}
	if g.agreed == nil {
		g.agreed = make(map[Loss]bool)
	}
	for _, l := range losses {
		g.agreed[l] = true
	}
	return nil
}

// settle returns a [Pause] if something is to be asked first.
func (g *Guard) settle() error {
	if len(g.unasked()) == 0 {
		return nil
	}
	return Pause{Resume: g.ask}
}
