// Package exchange posts a request to an HTTP server and reads its answer. It is the one place that talks HTTP: to remote CAs and to OCSP
// responders, whose address a certificate may name. Servers are not trusted: an exchange ends in time, has limits for what it reads, stays
// with the host that was asked, and puts into errors nothing that a server wrote, but in quotes.
//
//	response, err := exchange.Request{URL: "http://ocsp.example.com/", Type: "application/ocsp-request", Body: der}.Post(ctx)
package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"certkdb/pki"
)

// The limits of an exchange.
const (
	// Timeout is how long it may take, from the connection to the last byte.
	Timeout = 30 * time.Second
	// MaxAnswer is how many bytes an answer may have, once it is decompressed.
	MaxAnswer = 1 << 20

	maxHeader    = 64 << 10
	maxRedirects = 3
)

// Request is what is posted.
type Request struct {
	// URL is the server's address: http or https.
	URL string
	// Type is the media type of the body.
	Type string
	Body []byte
	// Roots are certificates in DER that may vouch for a server with TLS, in addition to the system's.
	Roots [][]byte
	// Timeout replaces [Timeout] unless it is zero.
	Timeout time.Duration
}

// Answer is what a server sent.
type Answer struct {
	// Status is the HTTP status, such as 200.
	Status int
	Body   []byte
}

// Post sends the request and reads the answer, whatever its status. Errors do not name the URL: the caller says whom it asked for what.
// They are [pki.ErrArgument] for a URL that is not one of HTTP, and [pki.ErrRemote] for everything else.
func (r Request) Post(ctx context.Context) (Answer, error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Answer{}, fmt.Errorf("%w: %q is not the URL of an HTTP server", pki.ErrArgument, r.URL)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %q is not the URL of an HTTP server", pki.ErrArgument, r.URL)
	}
	q.Header.Set("Content-Type", r.Type)
	client := r.client()
	defer client.CloseIdleConnections()
	response, err := client.Do(q)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", pki.ErrRemote, withoutURL(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, MaxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: reading the answer: %w", pki.ErrRemote, err)
	}
	if len(body) > MaxAnswer {
		return Answer{}, fmt.Errorf("%w: the answer has more than %d bytes", pki.ErrRemote, MaxAnswer)
	}
	return Answer{Status: response.StatusCode, Body: body}, nil
}

// Refused is the error for a status other than 200, in the words of RFC 9110 and not the server's; nil for 200.
func (a Answer) Refused() error {
	if a.Status == http.StatusOK {
		return nil
	}
	return fmt.Errorf("%w: HTTP status %d %s", pki.ErrRemote, a.Status, http.StatusText(a.Status))
}

// client trusts the system's roots and the request's; without the system's, the request's alone.
func (r Request) client() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxResponseHeaderBytes = maxHeader
	if u, err := url.Parse(r.URL); err == nil && u.Scheme == "https" {
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		for _, der := range r.Roots {
			if c, err := x509.ParseCertificate(der); err == nil { // what Go cannot read cannot vouch for a server
				roots.AddCert(c)
			}
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	timeout := r.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	return &http.Client{Timeout: timeout, Transport: transport, CheckRedirect: checkRedirect}
}

// checkRedirect lets a server send the request to another of its own paths, by a status that keeps the method and the body: 307 or 308.
// After 301, 302 and 303 the HTTP client would ask with GET and without the body (RFC 9110, 15.4), which is a different question: OCSP
// requests are posted (RFC 6960, appendix A), and so are cfssl's. Another host, port or scheme could be one that only this machine reaches,
// or one that the caller did not mean to tell.
func checkRedirect(next *http.Request, before []*http.Request) error {
	asked := before[0].URL
	if next.URL.Scheme != asked.Scheme || next.URL.Host != asked.Host {
		other := url.URL{Scheme: next.URL.Scheme, Host: next.URL.Host}
		return fmt.Errorf("it redirects to another host, %q, which is not followed", other.String())
	}
	if next.Method != before[0].Method {
		return fmt.Errorf("it redirects with HTTP status %d to %q, which is not followed, because the request would not go with it; "+
			"a server that keeps it answers with 307 or 308", next.Response.StatusCode, next.URL.Path)
	}
	if len(before) > maxRedirects {
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	}
	return nil
}

// withoutURL is the reason in an error of an HTTP client, without the URL, which the caller names.
func withoutURL(err error) error {
	if named, ok := errors.AsType[*url.Error](err); ok {
		return named.Err
	}
	return err
}
