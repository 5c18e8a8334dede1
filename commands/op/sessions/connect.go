package sessions

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/kdb"
	"certkdb/pki/cert"
	"certkdb/pki/key"
	"certkdb/pki/probe"
)

// Connect makes handshakes with servers, judges their certificates by what the database trusts, and stores them if that is wanted.
type Connect struct {
	Targets     []Target
	Timeout     time.Duration // for each server; 0 is the default
	Certificate string        // the label of the entry that is shown to servers that ask for one
	// MinVersion and MaxVersion are TLS versions as crypto/tls counts them; 0 is TLS 1.2 and 1.3.
	MinVersion, MaxVersion uint16
	ALPN                   []string
	Expiring               time.Duration // a server's certificate that expires within this time is a finding
	Keep                   Keep
	// Progress is called after each server with the number of those that are done; from several goroutines. It may be nil.
	Progress func(done, total int)
}

// maxSockets bounds the connections at a time. 500 targets are then done in two rounds.
const maxSockets = 256

// Run connects to all targets. What is wrong with them stands in the result; the error is about the parameters or the database.
func (o Connect) Run(ctx context.Context, s *op.Session) (Connected, error) {
	w, err := o.begin(ctx, s)
	if err != nil {
		return Connected{}, err
	}
	results, err := w.all(ctx)
	if err == nil && w.Keep.wanted() {
		err = w.Keep.store(ctx, s, results)
	}
	if err != nil {
		return Connected{}, err
	}
	return newConnected(results), nil
}

// begin reads what all handshakes need.
func (o Connect) begin(ctx context.Context, s *op.Session) (*work, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	judge, err := inspect.NewJudge(ctx, s)
	if err != nil {
		return nil, err
	}
	w := &work{Connect: o, session: s, judge: judge}
	if o.Certificate != "" {
		w.shown, err = clientCertificate(ctx, s, o.Certificate)
	}
	return w, err
}

func (o *Connect) check() error {
	if len(o.Targets) == 0 {
		return op.Need(op.FieldTargets)
	}
	for _, t := range o.Targets {
		if err := t.check(); err != nil {
			return err
		}
	}
	if o.MinVersion != 0 && o.MaxVersion != 0 && o.MinVersion > o.MaxVersion {
		reason := "the options file allows at most " + tls.VersionName(o.MaxVersion)
		return &op.Invalid{Field: op.FieldMinTLS, Value: tls.VersionName(o.MinVersion), Reason: reason}
	}
	return o.Keep.check(len(o.Targets))
}

// clientCertificate opens the private key of an entry for use in handshakes.
func clientCertificate(ctx context.Context, s *op.Session, label string) (*tls.Certificate, error) {
	shown := &tls.Certificate{}
	return shown, s.View(ctx, func(tx kdb.Tx) error {
		summary, err := op.MustHave(tx, label)
		if err != nil {
			return err
		}
		if summary.Kind != kdb.KindPersonal || summary.ChainLength == 0 {
			return &op.WrongKind{
				Label: label, Kind: summary.Kind, Wanted: kdb.KindPersonal, Reason: "only a certificate with its private key can be shown to a server",
			}
		}
		entry, err := op.FullEntry(tx, label)
		if err != nil {
			return err
		}
		defer clear(entry.Key)
		private, err := key.ReadPrivate(entry.Key)
		if err != nil {
			return fmt.Errorf("label %q: %w", label, err)
		}
		shown.Certificate = entry.Certificates
		if shown.PrivateKey, err = private.Signer(); err != nil {
			return fmt.Errorf("label %q: %w: a handshake cannot use its private key: %w", label, op.ErrUsage, err)
		}
		if _, err := x509.ParseCertificate(entry.Certificates[0]); err != nil {
			return fmt.Errorf("label %q: %w: a handshake cannot use its certificate: %w", label, op.ErrUsage, err)
		}
		return nil
	})
}

// work is a Connect while it runs.
type work struct {
	Connect
	session *op.Session
	judge   *inspect.Judge
	shown   *tls.Certificate
}

// nothingSeen stands for a handshake about which nothing more is to be told.
var nothingSeen = &probe.Result{}

// all probes the targets, some at a time.
func (w *work) all(ctx context.Context) ([]*Result, error) {
	results := make([]*Result, len(w.Targets))
	next := make(chan int)
	var group sync.WaitGroup
	var done atomic.Int64
	var once sync.Once
	var failed error
	for range min(maxSockets, len(w.Targets)) {
		group.Go(func() {
			for i := range next {
				r, err := w.one(ctx, w.Targets[i])
				if err != nil {
					once.Do(func() { failed = err })
				}
				results[i] = r
				if n := int(done.Add(1)); w.Progress != nil {
					w.Progress(n, len(w.Targets))
				}
			}
		})
	}
	for i := range w.Targets {
		next <- i
	}
	close(next)
	group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	return results, failed
}

// one probes a target.
func (w *work) one(ctx context.Context, t Target) (*Result, error) {
	timeout := w.Timeout
	if timeout == 0 {
		timeout = probe.DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var known *inspect.Known // stays nil if there is no chain
	var errKnown error
	look := func(chain [][]byte) []*cert.Certificate {
		known, errKnown = w.judge.Look(ctx, chain)
		return known.Trusted()
	}
	seen, failed := probe.Run(limited, probe.Options{
		Dial: w.session.Env.Dial, Address: t.Address, ServerName: t.name(), StartTLS: t.StartTLS, MinVersion: w.MinVersion,
		MaxVersion: w.MaxVersion, ALPN: w.ALPN, Certificate: w.shown, Trust: look,
	})
	if errKnown != nil {
		return nil, errKnown
	}
	r := newResult(t, seen)
	r.known = known
	r.describeChain(seen, w.session.Env.Now())
	if failed != nil {
		r.fail(w.Connect, seen, failed, timeout)
		if len(seen.Chain) == 0 || seen.Request == nil {
			return r, nil
		}
		return r, r.judge(ctx, w, seen) // the server judges first, but that is not all that can be wrong
	}
	r.complete = true
	return r, r.judge(ctx, w, seen)
}
