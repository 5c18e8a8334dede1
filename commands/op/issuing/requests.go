package issuing

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/kdb"
	"certkdb/kdb/keyfile/pem"
)

// isFolder tells whether a path is that of a folder, or is written like one.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return strings.HasSuffix(path, "/") || err == nil && info.IsDir()
}

// requestsIn lists the files of a folder that are requests by their names, or by what is in them where the name can be that of anything.
func requestsIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", folder, op.UnwrapPath(err))
	}
	var files []string
	for _, e := range entries {
		extension := strings.ToLower(filepath.Ext(e.Name()))
		path := filepath.Join(folder, e.Name())
		switch {
		case !e.Type().IsRegular():
		case slices.Contains([]string{".csr", ".req", ".p10"}, extension), (extension == ".pem" || extension == ".arm") && holdsRequest(path):
			files = append(files, path)
		}
	}
	return files, nil
}

// holdsRequest tells whether a PEM file has a request, and is not a certificate or key in the same folder. An unreadable file counts as
// one, for the error.
func holdsRequest(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRequest))
	return err != nil || bytes.Contains(text, []byte("CERTIFICATE REQUEST-----"))
}

// maxRequest bounds what is read of a file that should hold a request.
const maxRequest = 4 << 20

// inPlace names what a file has in place of a request, each kind once: ", but a certificate and a private key".
func inPlace(kinds []pem.Kind) string {
	var list []string
	for _, kind := range kinds {
		article := "a "
		switch {
		case kind == pem.Other || kind == pem.Parameters || kind == pem.PKCS7:
			continue
		case strings.ContainsAny(kind.String()[:1], "aeioO"):
			article = "an "
		}
		if text := article + kind.String(); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ", but " + strings.Join(list, " and ")
}

// readRequestFile returns the DER of the one request in a file.
func readRequestFile(env *op.Env, file string) ([]byte, error) {
	in := env.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var request []byte
	var others []pem.Kind
	for item, err := range pem.Items(io.LimitReader(in, maxRequest)) {
		switch {
		case err != nil:
			return nil, err
		case item.Kind != pem.Request:
			others = append(others, item.Kind)
		case request != nil:
			return nil, fmt.Errorf("%w: it holds more than one request", kdb.ErrParse)
		default:
			request = item.DER
		}
	}
	if request == nil {
		return nil, op.Mark(op.NotARequest, fmt.Errorf("%w: it holds no certificate request%s", kdb.ErrParse, inPlace(others)))
	}
	return request, nil
}
