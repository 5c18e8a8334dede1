package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"certkdb/commands/op"
)

const (
	progressAfter = time.Second            // a command that ends before shows nothing
	progressEvery = 100 * time.Millisecond // how often the line changes
)

// progress shows on a terminal how far a command has come, in one line that it writes again and again.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	due   time.Time // of the next line
	unit  op.Unit
	done  int
	width int // of the line that is there
}

// ShowProgress makes an environment whose operations show on its terminal how far they are, and a function that takes the line away.
// Nothing is shown without a terminal.
func ShowProgress(env *op.Env) (shown *op.Env, end func()) {
	if env.Progress == nil {
		return env, func() {}
	}
	w := env.Progress()
	if w == nil {
		return env, func() {}
	}
	p := &progress{w: w, now: env.Now, due: env.Now().Add(progressAfter)}
	own := *env
	own.Report, own.Stdout, own.Stderr = p.report, p.before(env.Stdout), p.before(env.Stderr)
	own.Terminal = func() (op.Terminal, error) {
		p.erase()
		return env.Terminal()
	}
	return &own, p.erase
}

// report shows that done of a total are done, if it is time for that.
func (p *progress) report(unit op.Unit, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if now.Before(p.due) || done < 2 || unit == p.unit && done < p.done { // the second is a goroutine that was overtaken
		return
	}
	p.due, p.unit, p.done = now.Add(progressEvery), unit, done
	line := fmt.Sprintf("%d %s", done, unit)
	if total > 0 {
		line = fmt.Sprintf("%d of %d %s (%d %%)", done, total, unit, 100*done/total)
	}
	width := p.width
	p.width = len(line)
	_, _ = fmt.Fprintf(p.w, "\r%-*s", width, line)
}

// erase takes the line away, until the next report.
func (p *progress) erase() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width > 0 {
		_, _ = fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

// before is a writer that takes the line away before it writes.
func (p *progress) before(w io.Writer) io.Writer { return erasing{p, w} }

type erasing struct {
	p *progress
	w io.Writer
}

func (e erasing) Write(data []byte) (int, error) {
	e.p.erase()
	return e.w.Write(data)
}
