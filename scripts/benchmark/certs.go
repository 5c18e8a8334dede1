package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	stdpem "encoding/pem"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"os"
	"runtime"
	"time"
)

// writeBundle writes n certificates to a PEM file: P-256, one CA, unique subjects, valid signatures.
func writeBundle(path string, n int) (err error) {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for chunk := range ca.issueAll(n) {
		if chunk.err != nil {
			return chunk.err
		}
		for _, der := range chunk.certs {
			if err := stdpem.Encode(w, &stdpem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}

// authority issues certificates that differ in serial number, subject and alternative name and carry its own public key.
type authority struct {
	key      *ecdsa.PrivateKey
	tbs      []byte // the part to be signed of the model of all certificates
	encoding struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
}

// modelHost and modelSerial stand in the model where a certificate's own go.
const (
	modelHost   = "host--------"
	modelSerial = 0x7eadbeef7eadbeef
)

// newAuthority lets crypto/x509 make the model, once: making them all with it takes ten times as long.
func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	issuer := &x509.Certificate{
		Subject:      pkix.Name{CommonName: "Bench CA", Organization: []string{"Example"}},
		SubjectKeyId: []byte{1, 2, 3, 4},
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(modelSerial), NotBefore: now, NotAfter: now.AddDate(10, 0, 0),
		Subject:  pkix.Name{CommonName: modelHost + ".example.com", Organization: []string{"Example"}, Country: []string{"US"}},
		DNSNames: []string{modelHost + ".example.com"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, issuer, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key}
	if _, err := asn1.Unmarshal(der, &a.encoding); err != nil {
		return nil, err
	}
	a.tbs = a.encoding.TBS.FullBytes
	return a, nil
}

// issue makes the certificate of a number below 100 million.
func (a *authority) issue(i int) ([]byte, error) {
	serial := binary.BigEndian.AppendUint64(nil, modelSerial)
	tbs := bytes.ReplaceAll(a.tbs, []byte(modelHost), fmt.Appendf(nil, "host%08d", i))
	tbs = bytes.Replace(tbs, serial, binary.BigEndian.AppendUint64(nil, 1<<62+uint64(i)), 1)
	digest := sha256.Sum256(tbs)
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, digest[:])
	if err != nil {
		return nil, err
	}
	c := a.encoding
	c.TBS = asn1.RawValue{FullBytes: tbs}
	c.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(c)
}

// chunk is some of the certificates.
type chunk struct {
	certs [][]byte
	err   error
}

// issueAll yields the certificates in their order, made on all processors.
func (a *authority) issueAll(n int) iter.Seq[chunk] {
	const size = 1000
	return func(yield func(chunk) bool) {
		var pending []chan chunk
		for start := 0; start < n || len(pending) > 0; start += size {
			if start < n {
				done := make(chan chunk, 1)
				pending = append(pending, done)
				go func() { done <- a.issueChunk(start, min(start+size, n)) }()
				if len(pending) < 2*runtime.NumCPU() {
					continue
				}
			}
			if !yield(<-pending[0]) {
				return
			}
			pending = pending[1:]
		}
	}
}

func (a *authority) issueChunk(start, end int) (c chunk) {
	for i := start; i < end && c.err == nil; i++ {
		var der []byte
		der, c.err = a.issue(i)
		c.certs = append(c.certs, der)
	}
	return c
}
