// Package document is what the foreign formats have in common: the entries of a file in their order, under labels that
// are unique, and what can be said of them without knowing the format. How an entry is written is the codec's business;
// its record type is a parameter here.
//
// Which certificate belongs to a private key is no question for the document, since each format answers it by a rule of its own:
//
//   - JKS, JCEKS and CMS: a record holds the key with its certificate, so there is nothing to pair.
//   - PKCS #12 (RFC 7292, 4.2): the localKeyId alone, if one key and one certificate have it: the key need not be opened for that. Else the
//     key is opened and its public key decides; one that does not open goes by localKeyId or friendlyName. A key has one certificate.
//   - PEM: the localKeyID that OpenSSL writes, unless a known public key contradicts it, then the public key. A key that shows neither goes
//     with the certificate that is near it in the text. A key may have several certificates, or wait for that of a request.
//
// What the last two share is in package key (SameKey: one key in two encodings), package issuers (chains) and [Stock] (where certificates
// are while the file is changed). Their indexes hold different things, bags and pieces of text, and are bounded by different rules.
//
//	d := document.New[*record](strings.ToLower)
//	label := d.Add(document.Label(alias, document.Automatic(&entry)), r) // "web (2)" if the file has another "web"
//	r, err := d.Find("WEB")
package document

import (
	"fmt"
	"iter"

	"certkdb/kdb"
)

// Document is the entries of one file.
type Document[R comparable] struct {
	fold    func(string) string
	order   []*item[R] // removed ones too, until there are too many
	removed int
	byLabel map[string]*item[R]
	folded  map[string][]*item[R]
	numbers map[string]int // the last number appended to a label
	long    map[string]int // the bytes of names that were too long for a label, by the label
}

type item[R comparable] struct {
	label   string
	record  R
	removed bool
}

// New makes an empty document. fold is the form in which the format's readers compare labels; nil compares them as they
// are.
func New[R comparable](fold func(string) string) *Document[R] {
	if fold == nil {
		fold = func(label string) string { return label }
	}
	return &Document[R]{
		fold: fold, byLabel: map[string]*item[R]{}, folded: map[string][]*item[R]{}, numbers: map[string]int{}, long: map[string]int{},
	}
}

// Add appends a record of the file. A number is appended to a label that an earlier record has: "web (2)". A file may
// hold labels that its readers take for one; they stay apart here, so that each of them can be reached.
func (d *Document[R]) Add(base string, r R) (label string) {
	for label = base; d.byLabel[label] != nil; {
		d.numbers[base]++ // from 2 on
		label = fmt.Sprintf("%s (%d)", Cut(base, kdb.MaxLabel-numberSize), d.numbers[base]+1)
	}
	d.enter(&item[R]{label: label, record: r})
	return label
}

func (d *Document[R]) enter(it *item[R]) {
	d.order = append(d.order, it)
	d.name(it, it.label)
}

func (d *Document[R]) name(it *item[R], label string) {
	it.label, d.byLabel[label] = label, it
	folded := d.fold(label)
	d.folded[folded] = append(d.folded[folded], it)
}

// AddNamed appends a record whose name in the file may have any form, see [Label].
func (d *Document[R]) AddNamed(name string, automatic func() string, r R) (label string) {
	label = d.Add(Label(name, automatic), r)
	if len(name) > kdb.MaxLabel {
		d.long[label] = len(name)
	}
	return label
}

// Shortened yields the labels whose names in the file are longer than a label can be, with the bytes of the name, in the file's order.
func (d *Document[R]) Shortened() iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		for label := range d.All() {
			if n := d.long[label]; n > 0 && !yield(label, n) {
				return
			}
		}
	}
}

// Insert appends a new record. The error wraps kdb.ErrExists if the format's readers would take its label for that of
// another record.
func (d *Document[R]) Insert(label string, r R) error {
	if err := d.free(label, nil); err != nil {
		return err
	}
	d.enter(&item[R]{label: label, record: r})
	return nil
}

func (d *Document[R]) free(label string, mine *item[R]) error {
	for _, other := range d.folded[d.fold(label)] {
		switch {
		case other == mine:
		case other.label == label:
			return fmt.Errorf("label %q: %w", label, kdb.ErrExists)
		default:
			return fmt.Errorf("label %q: %w as %q, and labels in this format do not differ by case", label, kdb.ErrExists, other.label)
		}
	}
	return nil
}

// Find returns the record of a label: the one that has just this label, else the only one that the format's readers
// take for it. The error wraps kdb.ErrNotFound.
func (d *Document[R]) Find(label string) (R, error) {
	it, err := d.find(label)
	if err != nil {
		var none R
		return none, err
	}
	return it.record, nil
}

// Label is the label under which Find finds a record.
func (d *Document[R]) Label(label string) (string, error) {
	it, err := d.find(label)
	if err != nil {
		return "", err
	}
	return it.label, nil
}

func (d *Document[R]) find(label string) (*item[R], error) {
	if it := d.byLabel[label]; it != nil {
		return it, nil
	}
	if matches := d.folded[d.fold(label)]; len(matches) == 1 {
		return matches[0], nil
	}
	return nil, fmt.Errorf("label %q: %w", label, kdb.ErrNotFound)
}

// Replace puts another record in the place of that of a label.
func (d *Document[R]) Replace(label string, r R) error {
	it, err := d.find(label)
	if err == nil {
		it.record = r
	}
	return err
}

// Rename gives a record another label. The error wraps kdb.ErrNotFound or kdb.ErrExists.
func (d *Document[R]) Rename(from, to string) error {
	it, err := d.find(from)
	if err == nil {
		err = d.free(to, it)
	}
	if err != nil {
		return err
	}
	d.forget(it)
	d.name(it, to)
	return nil
}

// Remove takes a record out. The error wraps kdb.ErrNotFound.
func (d *Document[R]) Remove(label string) error {
	it, err := d.find(label)
	if err != nil {
		return err
	}
	d.forget(it)
	it.removed = true
	if d.removed++; d.removed > len(d.order)/2 {
		d.compact()
	}
	return nil
}

func (d *Document[R]) forget(it *item[R]) {
	delete(d.byLabel, it.label)
	delete(d.long, it.label)
	folded := d.fold(it.label)
	var left []*item[R]
	for _, other := range d.folded[folded] {
		if other != it {
			left = append(left, other)
		}
	}
	if d.folded[folded] = left; left == nil {
		delete(d.folded, folded)
	}
}

func (d *Document[R]) compact() {
	var left []*item[R]
	for _, it := range d.order {
		if !it.removed {
			left = append(left, it)
		}
	}
	d.order, d.removed = left, 0
}

// All yields the labels and records in the file's order. The document may be changed meanwhile: records that are added
// are not yielded any more.
func (d *Document[R]) All() iter.Seq2[string, R] {
	return func(yield func(string, R) bool) {
		for _, it := range d.order {
			if !it.removed && !yield(it.label, it.record) {
				return
			}
		}
	}
}

// Len counts the records.
func (d *Document[R]) Len() int { return len(d.byLabel) }
