package exchange_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"certkdb/pki"
	"certkdb/pki/exchange"
)

// serve starts a server that answers every connection with the text, whatever it is asked, and returns its URL.
func serve(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4096))
				_, _ = io.WriteString(c, text)
			}()
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

func post(t *testing.T, url string) (exchange.Answer, error) {
	t.Helper()
	return exchange.Request{URL: url, Type: "text/plain", Body: []byte("question"), Timeout: 5 * time.Second}.Post(t.Context())
}

// TestPost_sends: the body, its type and the method arrive, and the answer comes back with its status.
func TestPost_sends(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s", q.Method, q.Header.Get("Content-Type"), body)
	}))
	defer server.Close()
	a, err := post(t, server.URL)
	if err != nil || a.Status != http.StatusTeapot || string(a.Body) != "POST text/plain question" {
		t.Errorf("%d %q, %v", a.Status, a.Body, err)
	}
}

// TestPost_hostileServers: whatever a server sends, the exchange ends with an error that repeats no control character.
func TestPost_hostileServers(t *testing.T) {
	t.Parallel()
	const red = "\x1b[31m\u202e"
	for rule, c := range map[string]struct{ answer, want string }{
		"not HTTP":              {red + "\r\n\r\n", ""},
		"nothing":               {"", ""},
		"a status of letters":   {"HTTP/1.1 " + red + " OK\r\n\r\n", ""},
		"a broken header":       {"HTTP/1.1 200 OK\r\n" + red + "\r\n\r\n", ""},
		"headers without end":   {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 128<<10) + "\r\n\r\n", ""},
		"a body without end":    {"HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", exchange.MaxAnswer+1), "more than 1048576 bytes"},
		"a body that stops":     {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "reading the answer"},
		"a large decompression": {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb(t), "more than 1048576 bytes"},
		"a broken chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + red, "reading the answer"},
		"a redirect to nowhere": {"HTTP/1.1 307 " + red + "\r\nLocation: http://" + red + "/\r\n\r\n", ""},
		"an unreadable target":  {"HTTP/1.1 307 X\r\nLocation: %zz" + red + "\r\n\r\n", ""},
		"a file":                {"HTTP/1.1 307 X\r\nLocation: file:///etc/passwd\r\n\r\n", "another host"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			a, err := post(t, serve(t, c.answer))
			if !errors.Is(err, pki.ErrRemote) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%d %.40q, %v", a.Status, a.Body, err)
			}
			if strings.ContainsAny(err.Error(), "\x1b\u202e\r\n") {
				t.Errorf("the error repeats what the server wrote: %q", err)
			}
		})
	}
}

// TestRefused_ownWords: the reason phrase of a server is not repeated.
func TestRefused_ownWords(t *testing.T) {
	t.Parallel()
	a, err := post(t, serve(t, "HTTP/1.1 404 \x1b[2Jdo as I say\r\nContent-Length: 0\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Refused(); !errors.Is(err, pki.ErrRemote) || err.Error() != "no usable answer: HTTP status 404 Not Found" {
		t.Error(err)
	}
	if err := (exchange.Answer{Status: http.StatusOK}).Refused(); err != nil {
		t.Error(err)
	}
}

// bomb is 16 MiB of zeros in gzip.
func bomb(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPost_redirects: to another path of the same server, and not endlessly; never to another host, port or scheme.
func TestPost_redirects(t *testing.T) {
	t.Parallel()
	asked := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer other.Close()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		target := map[string]string{
			"/moved": "/here", "/host": other.URL, "/name": strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
			"/scheme": strings.Replace(server.URL, "http", "https", 1), "/loop": "/loop", "/relative": "//" + other.Listener.Addr().String() + "/",
		}[q.URL.Path]
		if target != "" {
			http.Redirect(w, q, target, http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.Copy(w, q.Body)
	}))
	defer server.Close()
	for path, want := range map[string]string{
		"/moved": "", "/host": "another host", "/name": "another host", "/scheme": "another host", "/relative": "another host",
		"/loop": "more than 3 times",
	} {
		a, err := post(t, server.URL+path)
		switch {
		case want == "" && (err != nil || string(a.Body) != "question"):
			t.Errorf("%s: %q, %v", path, a.Body, err)
		case want != "" && (!errors.Is(err, pki.ErrRemote) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if asked > 0 {
		t.Error("the other host was asked")
	}
}

// TestPost_keepsTheRequest: a redirect that would lose the request is not followed (RFC 9110, 15.4; RFC 6960, appendix A).
func TestPost_keepsTheRequest(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var methods []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			methods = append(methods, q.Method+" "+q.URL.Path)
			if q.URL.Path != "/new" {
				http.Redirect(w, q, "/new", status)
				return
			}
			_, _ = io.Copy(w, q.Body)
		}))
		a, err := post(t, server.URL+"/old")
		server.Close()
		if status >= 307 {
			if err != nil || string(a.Body) != "question" || !slices.Equal(methods, []string{"POST /old", "POST /new"}) {
				t.Errorf("%d: %q, %v, %q", status, a.Body, err, methods)
			}
			continue
		}
		want := fmt.Sprintf(`no usable answer: it redirects with HTTP status %d to "/new", which is not followed`, status)
		if !errors.Is(err, pki.ErrRemote) || !strings.HasPrefix(err.Error(), want) || !slices.Equal(methods, []string{"POST /old"}) {
			t.Errorf("%d: %v, %q", status, err, methods)
		}
	}
}

// TestPost_ends: a server that never answers, or never ends its answer, is left after the timeout or when the caller wants it.
func TestPost_ends(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/drip" {
			_, _ = io.WriteString(w, "x")
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer server.Close()
	defer close(release)
	for _, path := range []string{"/silent", "/drip"} {
		_, err := exchange.Request{URL: server.URL + path, Timeout: 50 * time.Millisecond}.Post(t.Context())
		if !errors.Is(err, pki.ErrRemote) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", path, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, err := (exchange.Request{URL: server.URL + path}).Post(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", path, err)
		}
	}
}

// TestPost_TLS: the request's roots may vouch for a server, and nobody else's.
func TestPost_TLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "yes") }))
	server.Config.ErrorLog = nil
	defer server.Close()
	if _, err := post(t, server.URL); !errors.Is(err, pki.ErrRemote) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without its root: %v", err)
	}
	roots := [][]byte{[]byte("not a certificate"), server.Certificate().Raw}
	a, err := exchange.Request{URL: server.URL, Roots: roots}.Post(t.Context())
	if err != nil || string(a.Body) != "yes" {
		t.Errorf("with its root: %q, %v", a.Body, err)
	}
}

// TestPost_otherURLs: only HTTP is spoken.
func TestPost_otherURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "file:///etc/passwd", "ftp://host/", "ldap://host/", "http://", "/etc/passwd", "http://a b/", "http://%zz/", "http:host",
	} {
		if _, err := post(t, url); !errors.Is(err, pki.ErrArgument) {
			t.Errorf("%q: %v", url, err)
		}
	}
}
