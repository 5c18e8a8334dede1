package dsmcert

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/databases"
)

// indexed is what dsmcert.idx holds of an entry: the name of a server, and the label of its certificate. In the one file that was seen both
// are the same, NUL-ended, and two more NULs end the file; that these are an empty entry is inferred.
type indexed struct{ server, label string }

// maxIndex is more than any client has.
const maxIndex = 1 << 20

func indexPath(database string) string {
	return strings.TrimSuffix(database, filepath.Ext(database)) + ".idx"
}

// readIndex reads the index next to a database; ok is false if there is none, or if it is not understood. It is then left alone.
func readIndex(database string) (list []indexed, ok bool) {
	if database == "" {
		return nil, false // the default database has none
	}
	info, err := os.Stat(indexPath(database))
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxIndex {
		return nil, false
	}
	data, err := os.ReadFile(indexPath(database))
	if err != nil {
		return nil, false
	}
	return decodeIndex(data)
}

// hasIndex says that something is in the place of the index, whatever it is.
func hasIndex(database string) bool {
	_, err := os.Lstat(indexPath(database))
	return err == nil
}

func decodeIndex(data []byte) (list []indexed, ok bool) {
	parts := bytes.Split(data, []byte{0})
	for len(parts) > 2 && len(parts[0]) > 0 {
		list = append(list, indexed{string(parts[0]), string(parts[1])})
		parts = parts[2:]
	}
	for _, rest := range parts {
		if len(rest) > 0 {
			return nil, false
		}
	}
	return list, len(data) > 0
}

func encodeIndex(list []indexed) []byte {
	var data []byte
	for _, i := range list {
		data = append(data, i.server+"\x00"+i.label+"\x00"...)
	}
	return append(data, 0, 0)
}

// changeIndex changes the index next to a database that was changed, if there is one. Processes that do so at the same time wait for each
// other.
func changeIndex(ctx context.Context, env *op.Env, path string, change func([]indexed) []indexed) error {
	if _, ok := readIndex(path); !ok {
		return nil
	}
	unlock, err := databases.Alone(ctx, env, database(path))
	if err != nil {
		return err
	}
	defer unlock()
	list, ok := readIndex(path)
	next := change(list)
	if !ok || slices.Equal(list, next) {
		return nil
	}
	if err := writeIndex(env, path, next); err != nil {
		return fmt.Errorf("the key database was changed, but not its index: %w", err)
	}
	return nil
}

func writeIndex(env *op.Env, database string, list []indexed) error {
	return op.Output{Path: indexPath(database), Force: true}.Write(env, false, func(w io.Writer) error {
		_, err := w.Write(encodeIndex(list))
		return err
	})
}

// without leaves out what an index says of a server or a label. An older line for the server would say that its certificate has another
// label.
func without(list []indexed, server, label string) []indexed {
	return slices.DeleteFunc(slices.Clone(list), func(i indexed) bool { return i.server == server || i.label == label })
}

// labelOf is the label of a server's certificate: its name, unless the index says otherwise.
func labelOf(list []indexed, server string) string {
	for _, i := range list {
		if i.server == server && i.label != "" {
			return i.label
		}
	}
	return server
}
