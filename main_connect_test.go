package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// connectCmds are the script commands that run servers with something wrong.
func connectCmds() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"tlsserver": cmdTLSServer}
}

// cmdTLSServer runs a server in this process until the end of the script and puts its port into $PORT:
//
//	tlsserver cert=web.crt key=web.key [chain=FILE,FILE] [max=1.0] [client=ca.crt] [staple=FILE]
//	tlsserver evil             a certificate whose name moves the cursor
//	tlsserver plain=TEXT       a server that says TEXT and nothing else; @ is a new line
//	tlsserver silent           one that says nothing
//
// A second word PORT=NAME puts the port into another variable.
func cmdTLSServer(ts *testscript.TestScript, neg bool, args []string) {
	options := map[string]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		options[name] = value
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: tlsserver cert=FILE key=FILE …, evil, plain=TEXT or silent")
	}
	serve, err := serverOf(ts, options)
	ts.Check(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				serve(conn)
			}()
		}
	}()
	variable := "PORT"
	if options["PORT"] != "" {
		variable = options["PORT"]
	}
	ts.Setenv(variable, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
}

func serverOf(ts *testscript.TestScript, options map[string]string) (func(net.Conn), error) {
	if text, ok := options["plain"]; ok {
		return func(conn net.Conn) {
			_, _ = io.WriteString(conn, strings.ReplaceAll(text, "@", "\r\n"))
			_, _ = io.Copy(io.Discard, conn)
		}, nil
	}
	if _, ok := options["silent"]; ok {
		return func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }, nil
	}
	config, err := tlsConfig(ts, options)
	return func(conn net.Conn) {
		server := tls.Server(conn, config)
		if server.Handshake() == nil {
			_, _ = io.Copy(io.Discard, server)
		}
		_ = server.Close()
	}, err
}

func tlsConfig(ts *testscript.TestScript, options map[string]string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS10}
	if options["max"] == "1.0" {
		config.MaxVersion = tls.VersionTLS10
	}
	if _, evil := options["evil"]; evil {
		pair, err := evilPair()
		config.Certificates = []tls.Certificate{pair}
		return config, err
	}
	pair, err := tls.LoadX509KeyPair(ts.MkAbs(options["cert"]), ts.MkAbs(options["key"]))
	if err != nil {
		return nil, err
	}
	for file := range strings.SplitSeq(options["chain"], ",") {
		if file == "" {
			continue
		}
		der, err := readDER(ts.MkAbs(file))
		if err != nil {
			return nil, err
		}
		pair.Certificate = append(pair.Certificate, der)
	}
	if file := options["staple"]; file != "" {
		if pair.OCSPStaple, err = os.ReadFile(ts.MkAbs(file)); err != nil {
			return nil, err
		}
	}
	if file := options["client"]; file != "" {
		der, err := readDER(ts.MkAbs(file))
		if err != nil {
			return nil, err
		}
		ca, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(ca)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}

func readDER(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", file)
	}
	return block.Bytes, nil
}

// evilPair is a self-signed certificate whose name has the commands of a terminal: escape, the one-character CSI, right-to-left.
func evilPair() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "\x1b[2J\u009b2J\u202eevil\nline"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
