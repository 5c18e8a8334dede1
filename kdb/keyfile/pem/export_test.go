package pem

import (
	"bufio"
	stdpem "encoding/pem"
	"fmt"
	"io"

	"certkdb/kdb"
	"certkdb/kdb/keyfile"
	"certkdb/kdb/keyfile/pem/armour"
)

// FastCodec is the codec with cheap keys.
func FastCodec() keyfile.Codec { return Codec(1000) }

// Write writes items as Items reads them: each in its armour, of the type Item.Type or else the usual one of its kind, with headers, and
// with its label and localKeyID as the "Bag Attributes" that openssl pkcs12 prints.
func Write(w io.Writer, items ...Item) error {
	out := bufio.NewWriter(w)
	for i := range items {
		if err := items[i].write(out); err != nil {
			return fmt.Errorf("writing a %s: %w", items[i].Kind, err)
		}
	}
	return out.Flush()
}

func (i *Item) write(w io.Writer) error {
	if _, err := w.Write(armour.Attributes{Label: i.Label, KeyID: i.LocalKeyID}.Above(nil, false)); err != nil {
		return err
	}
	block := &stdpem.Block{Type: i.Type, Bytes: i.DER}
	if block.Type == "" && int(i.Kind) < len(typeOfKind) {
		block.Type = typeOfKind[i.Kind]
	}
	if block.Type == "" {
		return fmt.Errorf("%w: it has no type", kdb.ErrUnsupported)
	}
	if len(i.Headers) > 0 {
		block.Headers = make(map[string]string, len(i.Headers)) // written sorted, Proc-Type first (RFC 1421, 4.6)
	}
	for _, h := range i.Headers {
		block.Headers[h.Name] = h.Value
	}
	return stdpem.Encode(w, block)
}
