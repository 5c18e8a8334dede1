package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// issuing measures self-signed and CA-signed certificates against openssl, signing a folder of requests against the bare
// signatures, and validating.
func (b *bench) issuing() error {
	fmt.Println()
	err := b.all(newDatabase("ca.ckdb"),
		[]string{"certkdb", "create", "root", "--db", "ca.ckdb", "--is-ca", "--cn", "Root"},
		[]string{"certkdb", "trust", "root", "--db", "ca.ckdb"},
		[]string{"certkdb", "create", "sub", "--db", "ca.ckdb", "--is-ca", "--ca", "root", "--cn", "Sub"},
		[]string{"certkdb", "create", "leaf", "--db", "ca.ckdb", "--ca", "sub", "--cn", "leaf.example.com"})
	if err == nil && installed("openssl") {
		err = b.keyTypes()
	}
	return errors.Join(err, b.signFolder(), b.validate())
}

// keyTypes measures each type of key against openssl, or alone if openssl does not know it: ML-DSA comes with 3.5. Making RSA keys takes a
// time
// that varies much.
func (b *bench) keyTypes() error {
	for _, k := range []struct {
		own  string
		peer []string
	}{
		{"p256", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}},
		{"p384", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"}},
		{"p521", []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"}},
		{"ed25519", []string{"-newkey", "ed25519"}},
		{"rsa2048", []string{"-newkey", "rsa:2048"}},
		{"rsa3072", []string{"-newkey", "rsa:3072"}},
		{"rsa4096", []string{"-newkey", "rsa:4096"}},
		{"mldsa44", []string{"-newkey", "ML-DSA-44"}},
		{"mldsa65", []string{"-newkey", "ML-DSA-65"}},
		{"mldsa87", []string{"-newkey", "ML-DSA-87"}},
	} {
		peer := append(
			[]string{"openssl", "req", "-x509", "-nodes", "-keyout", "peer.key", "-out", "peer.crt", "-subj", "/CN=www.example.com"},
			k.peer...)
		own := func(round int, ca ...string) []string {
			label := fmt.Sprintf("%s %d %d", k.own, round, len(ca))
			return append([]string{"certkdb", "create", label, "--db", "ca.ckdb", "--cn", "www.example.com", "--key-type", k.own}, ca...)
		}
		steps := []step{
			b.command(func(round int) []string { return own(round) }),
			b.command(func(round int) []string { return own(round, "--ca", "sub") }),
		}
		_, unknown := b.once(peer...)
		if unknown == nil {
			steps = append(steps, b.always(peer...))
		}
		times, err := inTurn(steps...)
		if err != nil {
			return err
		}
		against := "openssl does not know it"
		if unknown == nil {
			against = fmt.Sprintf(
				"openssl self-signed %s: %s and %s times its time",
				ms(times[2]),
				ratio(times[0], times[2]),
				ratio(times[1], times[2]),
			)
		}
		fmt.Printf("%-34s self-signed %s, by a CA %s, %s\n", "create with a key of type "+k.own, ms(times[0]), ms(times[1]), against)
	}
	return nil
}

// signFolder signs a thousand requests with one command, and makes as many bare signatures of the same kind.
func (b *bench) signFolder() error {
	folder := filepath.Join(b.folder, "requests")
	if err := writeRequests(folder, thousand); err != nil {
		return err
	}
	times, err := inTurn(
		b.command(func(round int) []string {
			return []string{"certkdb", "sign", folder, "--db", "ca.ckdb", "--ca", "sub", "--out", b.signed(round)}
		}),
		here(func() error { return bareSigning(thousand) }))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s, verifying as many requests and signing as often %s: %s times that (goal: at most 1.3)\n", "sign of 1000 requests",
		ms(times[0]), ms(times[1]), ratio(times[0], times[1]))
	return nil
}

// signed is the folder for the certificates of a round.
func (b *bench) signed(round int) string {
	return filepath.Join(b.folder, fmt.Sprintf("signed%d", round))
}

func writeRequests(folder string, n int) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	for i := range n {
		name := fmt.Sprintf("host%d.example.com", i)
		der, err := x509.CreateCertificateRequest(
			rand.Reader,
			&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}},
			key,
		)
		if err != nil {
			return err
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
		if err := os.WriteFile(filepath.Join(folder, name+".csr"), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// bareSigning does what no signing of requests can do without: verify each request, sign, and verify what was signed, as
// crypto/x509 does.
func bareSigning(n int) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	for i := range n {
		digest := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			return err
		}
		for range 2 {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				return errors.New("a signature does not verify")
			}
		}
	}
	return nil
}

// validate times a three-step chain as a process, and many of them in one.
func (b *bench) validate() error {
	times, err := inTurn(b.always("certkdb", "validate", "leaf", "--db", "ca.ckdb"), b.always("certkdb", "version"))
	if err != nil {
		return err
	}
	fmt.Printf("%-34s %s (%.1f ms of processor time), of it start-up %s (goal: at most 15 ms)\n", "validate of a three-step chain",
		ms(times[0]), times[0].cpu.Seconds()*1000, ms(times[1]))
	if err := b.all([]string{"certkdb", "export", "sub", "--db", "ca.ckdb", "--out", "sub.pem"}); err != nil {
		return err
	}
	command := []string{"certkdb", "validate", "--db", "ca.ckdb"}
	for i := range thousand {
		command = append(command, "--file", filepath.Join(b.signed(0), fmt.Sprintf("host%d.example.com.crt", i)))
	}
	bulk, err := inTurn(b.always(command...), b.always("certkdb", "version"))
	if err != nil {
		return err
	}
	work := bulk[0].without(bulk[1])
	fmt.Printf("%-34s %.0f/s (%.0f/s of processor time), start-up left out (goal: at least 5000/s)\n", "validate of 1000 certificates",
		thousand/work.wall.Seconds(), thousand/work.cpu.Seconds())
	return nil
}
