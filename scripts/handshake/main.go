// Command handshake proves that exported files work: it serves TLS on loopback with a certificate and key, connects to
// itself trusting only the given root, and prints what was agreed.
//
//	go run ./scripts/handshake -cert web.crt -key web.key -trust web.crt -name www.example.com
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	cert := flag.String("cert", "", "the server's certificate and chain, PEM")
	key := flag.String("key", "", "its private key, PEM")
	trust := flag.String("trust", "", "the root certificates that the client trusts, PEM")
	name := flag.String("name", "localhost", "the server's name")
	flag.Parse()
	state, err := handshake(*cert, *key, *trust, *name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "handshake:", err)
		os.Exit(1)
	}
	fmt.Printf(
		"verified %s: %s, %s, %d chain\n",
		*name,
		tls.VersionName(state.Version),
		tls.CipherSuiteName(state.CipherSuite),
		len(state.VerifiedChains),
	)
}

func handshake(cert, key, trust, name string) (tls.ConnectionState, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	pem, err := os.ReadFile(trust)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return tls.ConnectionState{}, errors.New("no certificate in " + trust)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer listener.Close()
	go serve(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	conn, err := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: name})
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.ConnectionState(), nil
}

// serve answers one connection. What goes wrong is seen by the client.
func serve(listener net.Listener, config *tls.Config) {
	conn, err := listener.Accept()
	if err != nil {
		return
	}
	server := tls.Server(conn, config)
	defer server.Close()
	_ = server.Handshake()
}
