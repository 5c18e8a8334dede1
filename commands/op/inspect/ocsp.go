package inspect

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/commands/op/input"
	"certkdb/pki"
	"certkdb/pki/cert"
	"certkdb/pki/exchange"
	"certkdb/pki/oid"
	"certkdb/pki/path"
	"certkdb/pki/status"
)

// OCSPAnswer is what a responder says of a certificate.
type OCSPAnswer struct {
	Source     string     `json:"source"` // the file or URL
	Status     string     `json:"status"` // "good", "revoked" or "unknown"
	ThisUpdate time.Time  `json:"this_update"`
	NextUpdate *time.Time `json:"next_update,omitempty"`
}

// ocspCertificate is the word that takes the responder's address from the certificate.
const ocspCertificate = "certificate"

// checkOCSP asks for the status of a certificate with a valid chain, and marks it invalid if it was revoked or nothing
// is known.
func (o Validate) checkOCSP(
	ctx context.Context, env *op.Env, v *Validation, result path.Result, options path.Options, labels map[[32]byte]string,
) error {
	if o.OCSP == "" || !v.Valid {
		return nil
	}
	leaf := result.Chain[0]
	if len(result.Chain) < 2 {
		return fmt.Errorf("%s: %w: a certificate that is trusted itself has no issuer to ask by OCSP", v.Name, op.ErrUsage)
	}
	source, response, err := o.ocspResponse(ctx, env, leaf, result.Chain[1])
	if err != nil {
		return err
	}
	if err := v.readOCSP(source, response, result.Chain, options, labels); err != nil {
		return fmt.Errorf("%q: %w", source, err)
	}
	return nil
}

// readOCSP notes what a response says of the first certificate of a valid chain. The error is about a response that cannot be read.
func (v *Validation) readOCSP(
	source string, response []byte, chain []*cert.Certificate, options path.Options, labels map[[32]byte]string,
) error {
	leaf := chain[0]
	failure := Failure{Subject: leaf.Subject.String(), Label: labels[sha256.Sum256(leaf.Raw)], Rule: "ocsp", Section: "RFC 6960"}
	answer, err := status.ReadOCSP(response, leaf, chain[1], options)
	if errors.Is(err, pki.ErrParse) {
		return op.PKIError(err)
	}
	if err == nil {
		v.OCSP = &OCSPAnswer{
			Source: source, Status: answer.Status, ThisUpdate: answer.ThisUpdate.UTC(), NextUpdate: op.TimePointer(answer.NextUpdate),
		}
	}
	switch {
	case err != nil:
		failure.Reason, failure.Remedy = err.Error(), "get a new response from the issuer's responder"
	case answer.Status == status.Revoked:
		failure.Reason = fmt.Sprintf("it was revoked on %s (%s)", answer.RevokedAt.UTC().Format(time.RFC3339), answer.Reason)
	case answer.Status != status.Good:
		failure.Reason, failure.Remedy = "the responder does not know it", "ask the responder of its issuer"
	default:
		return nil
	}
	v.refuse(failure)
	return nil
}

// ocspResponse gets a response: out of a file, from a URL, or from where the certificate says. A certificate is not trusted to name a file.
func (o Validate) ocspResponse(
	ctx context.Context, env *op.Env, leaf, issuer *cert.Certificate,
) (source string, response []byte, err error) {
	source = o.OCSP
	if source == ocspCertificate {
		urls := leaf.AccessURLs(oid.OCSP)
		web := slices.IndexFunc(urls, isWeb)
		if web < 0 {
			return "", nil, op.Mark(op.NoResponder, fmt.Errorf("%w: the certificate %q names no OCSP responder", op.ErrUsage, leaf.Subject.String()))
		}
		source = urls[web]
	}
	if !isWeb(source) {
		response, err = input.ReadFile(env, source, exchange.MaxAnswer)
		return source, response, err
	}
	request, err := status.AskOCSP(leaf, issuer)
	if err == nil {
		response, err = status.PostOCSP(ctx, source, request)
	}
	return source, response, op.PKIError(err)
}

// isWeb tells the address of a server from the name of a file.
func isWeb(source string) bool {
	scheme, _, found := strings.Cut(source, "://")
	return found && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}
