package op

import (
	"certkdb/kdb"
	"certkdb/pki/spelling"
)

// mostCompared bounds how many labels are compared with one that does not exist.
const mostCompared = 20_000

// nearLabel is the label of a database that was probably meant by one that does not exist, "" for none.
func nearLabel(tx kdb.Tx, written string) string {
	var labels []string
	for label, err := range tx.Labels("") {
		if err != nil || len(labels) == mostCompared {
			break
		}
		labels = append(labels, label)
	}
	return spelling.Nearest(labels, written)
}
