package keyfile_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"certkdb/kdb"
	"certkdb/kdb/atomicfile/atomicfiletest"
	"certkdb/kdb/keyfile"
)

// toy is a format that has everything a format can have: a password, requests in a companion, a stash, a default entry. Its entries are
// JSON, of which the password only vouches.
func toy() keyfile.Codec {
	return keyfile.Codec{
		Name: "toy", Aliases: []string{"plaything"}, Extensions: []string{".toy"}, Companions: []string{".req"},
		Matches: func(head []byte) bool { return bytes.HasPrefix(head, []byte("toy ")) },
		Stash: &keyfile.StashCodec{
			Extension: ".sta",
			Decode:    func(data []byte) ([]byte, error) { return xor(data), nil },
			Encode:    func(password []byte) ([]byte, error) { return xor(password), nil },
		},
		Describe: func(keyfile.Files) (string, []kdb.Fact) {
			return "1", []kdb.Fact{{Name: "protection", Value: "none", Weak: true}}
		},
		Decode: decodeToy,
		New:    func(string) (keyfile.Container, error) { return &toyContainer{}, nil },
		Disk:   &atomicfiletest.Disk{Unnamed: true}, // does not wait for the real one
	}
}

func xor(data []byte) []byte {
	out := bytes.Clone(data)
	for i := range out {
		out[i] ^= 0xf5
	}
	return out
}

type toyContainer struct{ entries []kdb.Entry }

func sum(password, data []byte) []byte {
	h := hmac.New(sha256.New, password)
	h.Write(data)
	return []byte(fmt.Sprintf("toy %x\n", h.Sum(nil)))
}

const toyHead = 4 + 2*sha256.Size + 1

func decodeToy(files keyfile.Files, passwords keyfile.Passwords) (keyfile.Container, error) {
	if len(files.Main) < toyHead {
		return nil, fmt.Errorf("%w: no head", kdb.ErrParse)
	}
	password, err := passwords.Database()
	if err != nil {
		return nil, err
	}
	c := &toyContainer{}
	for _, data := range [][]byte{files.Main, files.Companions[".req"]} {
		if data == nil {
			continue
		}
		if len(data) < toyHead {
			return nil, fmt.Errorf("%w: no head", kdb.ErrParse)
		}
		if !bytes.Equal(data[:toyHead], sum(password, data[toyHead:])) {
			return nil, fmt.Errorf("the sum differs: %w", kdb.ErrPassword)
		}
		var list []kdb.Entry
		if err := json.Unmarshal(data[toyHead:], &list); err != nil {
			return nil, fmt.Errorf("%w: %w", kdb.ErrParse, err)
		}
		c.entries = append(c.entries, list...)
	}
	return c, nil
}

func (c *toyContainer) Version() string { return "1" }
func (c *toyContainer) Facts() []kdb.Fact {
	return []kdb.Fact{{Name: "protection", Value: "none", Weak: true}}
}

func (c *toyContainer) find(l string) int {
	return slices.IndexFunc(c.entries, func(e kdb.Entry) bool { return e.Label == l })
}
func (c *toyContainer) Check(func(kdb.Problem)) {}

func (c *toyContainer) Entries() []kdb.Entry {
	list := slices.Clone(c.entries)
	for i := range list {
		list[i].Key = nil
	}
	return list
}

func (c *toyContainer) Key(label string) ([]byte, error) {
	if i := c.find(label); i >= 0 && len(c.entries[i].Key) > 0 {
		return c.entries[i].Key, nil
	}
	return nil, kdb.ErrNotFound
}

func (c *toyContainer) KeyProtection(label string) (string, error) {
	_, err := c.Entry(label)
	if err != nil || len(c.entries[c.find(label)].Key) == 0 {
		return "", err
	}
	return keyfile.NotEncrypted, nil
}

func (c *toyContainer) Put(e kdb.Entry) error {
	if e.Default {
		for i := range c.entries {
			c.entries[i].Default = false
		}
	}
	i := c.find(e.Label)
	if i < 0 {
		c.entries = append(c.entries, e)
		return nil
	}
	if len(e.Key) == 0 && e.Kind != kdb.KindTrusted {
		e.Key = c.entries[i].Key
	}
	c.entries[i] = e
	return nil
}

func (c *toyContainer) Entry(label string) (kdb.Entry, error) {
	i := c.find(label)
	if i < 0 {
		return kdb.Entry{}, kdb.ErrNotFound
	}
	e := c.entries[i]
	e.Key = nil
	return e, nil
}

func (c *toyContainer) Update(e kdb.Entry) error { return c.Put(e) }

func (c *toyContainer) Rename(from, to string) error {
	i := c.find(from)
	if i < 0 {
		return kdb.ErrNotFound
	}
	c.entries[i].Label = to
	return nil
}

func (c *toyContainer) Delete(label string) error {
	c.entries = slices.DeleteFunc(c.entries, func(e kdb.Entry) bool { return e.Label == label })
	return nil
}

func (c *toyContainer) Encode(password []byte) (keyfile.Files, error) {
	if password == nil {
		return keyfile.Files{}, kdb.ErrNoPassword
	}
	var main, requests []kdb.Entry
	for _, e := range c.entries {
		if e.Kind == kdb.KindRequest {
			requests = append(requests, e)
		} else {
			main = append(main, e)
		}
	}
	files := keyfile.Files{}
	for ending, list := range map[string][]kdb.Entry{"": main, ".req": requests} {
		data, err := json.Marshal(list)
		if err != nil {
			return files, err
		}
		data = append(sum(password, data), data...)
		switch {
		case ending == "":
			files.Main = data
		case len(list) > 0:
			files.Companions = map[string][]byte{ending: data}
		}
	}
	return files, nil
}
