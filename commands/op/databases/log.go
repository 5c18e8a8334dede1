package databases

import (
	"context"
	"time"

	"certkdb/commands/op"
	"certkdb/kdb/sealed"
)

// Log reads the audit log.
type Log struct {
	After uint64 // only records after this number
}

// LogRecord is a line of the audit log.
type LogRecord struct {
	Number    uint64    `json:"number"`
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Label     string    `json:"label,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	User      string    `json:"user,omitempty"`
	Host      string    `json:"host,omitempty"`
}

// LogRecords is a whole log.
type LogRecords struct {
	Records []LogRecord `json:"records"`
}

// logChunk is how many records are read in one look at the database.
const logChunk = 2_000

// Run calls each with the records in their order, in chunks, outside of any lock.
func (o Log) Run(ctx context.Context, s *op.Session, each func([]LogRecord) error) error {
	db, err := nativeOf(ctx, s, op.FeatureLog)
	if err != nil {
		return err
	}
	for after := o.After; ; {
		var chunk []LogRecord
		for r, err := range db.Log(ctx, after) {
			if err != nil {
				return err
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
	record := LogRecord{Number: r.Sequence, Time: r.Time.UTC(), Operation: r.Operation, Label: r.Label, User: r.User, Host: r.Host}
	if r.SHA256 != [32]byte{} {
		record.SHA256 = op.HexDigest(r.SHA256)
	}
	return record
}
