package databases

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb/sealed"
)

// Log reads the audit log.
type Log struct {
	After uint64 // only records after this number
	Last  int    // only so many at the end; 0 is all
}

// LogRecord is a line of the audit log.
type LogRecord struct {
	Number    uint64    `json:"number"`
	Time      time.Time `json:"recorded_at"`
	Operation string    `json:"operation"`
	Label     string    `json:"label,omitempty"`
	// Serial is the serial number of a certificate that a CA of the database issued or revoked; Label repeats it.
	Serial string `json:"serial,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	User   string `json:"user,omitempty"`
	Host   string `json:"host,omitempty"`
	// Slot and SlotName are the key slot that opened the database for the operation.
	Slot     int    `json:"slot"`
	SlotName string `json:"slot_name"`
}

// LogRecords is a whole log.
type LogRecords struct {
	Records []LogRecord `json:"records"`
}

// logChunk is how many records are read in one look at the database.
const logChunk = 2_000

// Run calls each with the records in their order, in chunks, outside of any lock. A record that was changed, removed or put back is an
// error in its place, and each has had those before it.
func (o Log) Run(ctx context.Context, s *op.Session, each func([]LogRecord) error) error {
	db, err := nativeOf(ctx, s, op.FeatureLog)
	if err != nil {
		return err
	}
	if o.Last > 0 {
		var end []LogRecord
		last := o.Last
		o.Last = 0
		err := o.Run(ctx, s, func(records []LogRecord) error {
			end = append(end, records...)
			end = slices.Delete(end, 0, max(len(end)-last, 0))
			return nil
		})
		return errors.Join(each(end), err)
	}
	for after := o.After; ; {
		var chunk []LogRecord
		for r, err := range db.Log(ctx, after) {
			if err != nil {
				return errors.Join(each(chunk), err)
			}
			chunk = append(chunk, newLogRecord(r))
			if after = r.Sequence; len(chunk) == logChunk {
				break
			}
		}
		if len(chunk) == 0 {
			return nil
		}
		if err := each(chunk); err != nil {
			return err
		}
	}
}

func newLogRecord(r sealed.LogRecord) LogRecord {
	record := LogRecord{
		Number: r.Sequence, Time: r.Time.UTC(), Operation: r.Operation, Label: r.Label, User: r.User, Host: r.Host,
		Slot: r.Slot, SlotName: r.SlotName,
	}
	if serial, issued := strings.CutPrefix(r.Label, "serial "); issued && strings.Trim(serial, "0123456789abcdef") == "" {
		record.Serial = serial
	}
	if r.SHA256 != [32]byte{} {
		record.SHA256 = op.HexDigest(r.SHA256)
	}
	return record
}
