package issue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/exchange"
	"certkdb/pki/key"
)

// Remote is a CA that speaks the protocol of cfssl serve.
type Remote struct {
	// URL is that of the server: http or https; without one of these, HOST or HOST:PORT, it is http, and 8888 is cfssl's port.
	URL string
	// Profile and Label choose among the server's profiles and CAs; "" is its default.
	Profile, Label string
	// AuthKey is the server's authentication key in hexadecimal; "" for none.
	AuthKey string
	// Roots are certificates in DER that are trusted in addition to the system's when the server has TLS.
	Roots [][]byte

	auth provider // of a profile file
}

// Sign lets the remote CA sign a PKCS #10 request and returns the certificate in DER, having made sure that it is for
// the request's key. It does not use cfssl's own client, which cannot be cancelled, reads answers of any length, and
// panics on one without a certificate.
func (r Remote) Sign(ctx context.Context, request []byte) ([]byte, error) {
	asked, err := ReadRequest(request)
	if err != nil {
		return nil, err
	}
	der, err := r.sign(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("having a request signed by %q: %w", r.URL, err)
	}
	c, err := cert.Parse(der)
	if err != nil {
		return nil, fmt.Errorf("having a request signed by %q: %w: %w", r.URL, pki.ErrParse, err)
	}
	if !key.SameKey(c.RawSPKI, asked.RawSPKI) {
		return nil, fmt.Errorf("having a request signed by %q: %w: the certificate is for another key", r.URL, pki.ErrRemote)
	}
	return der, nil
}

func (r Remote) sign(ctx context.Context, request []byte) ([]byte, error) {
	auth := r.auth
	if r.AuthKey != "" {
		var err error
		if auth, err = authKey(r.AuthKey); err != nil {
			return nil, err
		}
	}
	body, endpoint, err := remoteRequest(request, r.Profile, r.Label, auth)
	if err != nil {
		return nil, err
	}
	return r.post(ctx, endpoint, body)
}

// CA asks the server for the certificate of the CA, in DER.
func (r Remote) CA(ctx context.Context) ([]byte, error) {
	body, err := remoteInfo(r.Profile, r.Label)
	if err != nil {
		return nil, err
	}
	der, err := r.post(ctx, "info", body)
	if err != nil {
		return nil, fmt.Errorf("asking %q for its CA's certificate: %w", r.URL, err)
	}
	return der, nil
}

// post sends a request and reads the certificate in the answer.
func (r Remote) post(ctx context.Context, endpoint string, body []byte) ([]byte, error) {
	address, err := r.endpoint(endpoint)
	if err != nil {
		return nil, err
	}
	answer, err := exchange.Request{URL: address, Type: "application/json", Body: body, Roots: r.Roots}.Post(ctx)
	if err != nil {
		return nil, err
	}
	der, err := remoteAnswer(answer.Body)
	if refused := answer.Refused(); err != nil && refused != nil && !errors.Is(err, pki.ErrRefused) { // cfssl's own refusal says more
		return nil, fmt.Errorf("%w: %w", refused, err)
	}
	return der, err
}

// endpoint is the URL of an endpoint of the server.
func (r Remote) endpoint(name string) (string, error) {
	text := strings.TrimRight(r.URL, "/")
	if !strings.Contains(text, "://") {
		text = "http://" + text
		if u, err := url.Parse(text); err == nil && u.Port() == "" {
			text += ":8888"
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("%w: %q is not a URL of a cfssl server", pki.ErrArgument, r.URL)
	}
	return text + "/api/v1/cfssl/" + name, nil
}
