package gskcapi

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strconv"
	"strings"

	"certkdb/commands/op"
	"certkdb/commands/op/entries"
)

// maxSecretFile is more than any file with a secret key has.
const maxSecretFile = 64 << 10

// createSecret makes a random key of -size bytes.
func (p *program) createSecret() error {
	size, err := strconv.Atoi(p.given["size"])
	if err != nil || size < 1 || size > 512 {
		return &failure{status: 41, why: fmt.Sprintf("-size %q is not a number of bytes from 1 to 512", p.given["size"])}
	}
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, entries.AddSecret{Label: p.label(), Size: size, Algorithm: algorithm(size)})
		return err
	})
}

// algorithm is AES for keys of its lengths, which is what Db2 and MQ keep.
func algorithm(size int) string {
	switch size {
	case 16, 24, 32:
		return "AES"
	}
	return ""
}

// addSecret takes a key from a file, as -extract writes it.
func (p *program) addSecret() error {
	key, err := p.readSecret()
	defer clear(key)
	if err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		_, err := op.One(p.ctx, s, entries.AddSecret{Label: p.label(), Key: key, Algorithm: algorithm(len(key))})
		return err
	})
}

// readSecret reads the file of a key: base 64, with its armour or without, or the bytes themselves. Without -format a file that has the
// length of an AES key and is no base 64 is taken as the bytes, too (unconfirmed): descriptions of Db2 make such files with head -c 32.
func (p *program) readSecret() ([]byte, error) {
	if err := p.checkFormat(); err != nil {
		return nil, err
	}
	info, err := os.Stat(p.given["file"])
	if err == nil && info.Size() > maxSecretFile {
		return nil, &failure{status: 93, why: fmt.Sprintf("%q is too long for a secret key", p.given["file"])}
	}
	data, err := os.ReadFile(p.given["file"])
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", p.given["file"], op.UnwrapPath(err))
	}
	if strings.EqualFold(p.given["format"], "binary") {
		return data, nil
	}
	if block, _ := pem.Decode(data); block != nil && block.Type == op.SecretKeyBlock {
		return block.Bytes, nil
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(data), nil)))
	if err != nil && !p.has("format") && algorithm(len(data)) == "AES" {
		return data, nil
	}
	if err != nil || len(key) == 0 {
		return nil, &failure{status: 93, why: fmt.Sprintf("%q holds no secret key in base 64", p.given["file"])}
	}
	return key, nil
}

// extractSecret writes a key to a file, which is no key database, whatever its suffix.
func (p *program) extractSecret() error {
	if err := p.checkFormat(); err != nil {
		return err
	}
	return p.with(func(s *op.Session) error {
		if err := p.mustBe(s, p.label(), secretKey); err != nil {
			return err
		}
		key, err := entries.Secret{Label: p.label()}.Run(p.ctx, s)
		if err != nil {
			return err
		}
		defer clear(key)
		text := key
		if !strings.EqualFold(p.given["format"], "binary") {
			text = pem.EncodeToMemory(&pem.Block{Type: op.SecretKeyBlock, Bytes: key})
		}
		return p.writeText(p.out("target"), true, string(text))
	})
}
