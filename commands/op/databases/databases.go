// Package databases has the operations on a database as a whole: making one, its passwords, slots and stash, its file, its audit log.
//
// Those that change something are an [op.Act]: no transaction covers them, and they are done one by one.
package databases

import (
	"time"

	"certkdb/kdb"
)

// Done names the database that was worked on.
type Done struct {
	Location string `json:"location"`
	// Unchanged says that there was nothing to do: the password is the new one already.
	Unchanged bool `json:"-"`
}

// HasChanged says whether anything was done.
func (d Done) HasChanged() bool { return !d.Unchanged }

// Slot is a key slot of a native database.
type Slot struct {
	ID      int       `json:"id"`
	Name    string    `json:"name"`
	Kind    string    `json:"kind"`
	KDF     string    `json:"kdf"`
	Created time.Time `json:"created_at"`
	By      string    `json:"by,omitempty"`
	// Opened says that this slot opened the database, HasStash that the stash next to the database belongs to it.
	Opened   bool `json:"opened,omitempty"`
	HasStash bool `json:"has_stash,omitempty"`
}

func newSlots(list []kdb.SlotInfo) []Slot {
	var out []Slot
	for _, s := range list {
		out = append(out, Slot{
			ID: s.ID, Name: s.Name, Kind: s.Kind, KDF: s.KDF, Created: s.Created.UTC(), By: s.By, Opened: s.Opened, HasStash: s.HasStash,
		})
	}
	return out
}
