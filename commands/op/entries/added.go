package entries

import (
	"fmt"

	"certkdb/commands/op"
)

// Counts sums up in a sentence: "150 entries: 148 added, 2 unchanged".
func (a Added) Counts() string {
	counts, keys := map[ActionName]int{}, 0
	var order []ActionName
	for _, action := range a.Actions {
		if counts[action.Action] == 0 {
			order = append(order, action.Action)
		}
		counts[action.Action]++
		if action.PrivateKey {
			keys++
		}
	}
	text := fmt.Sprintf("%d entries:", len(a.Actions))
	for i, name := range order {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d %s", counts[name], name)
	}
	if keys > 0 {
		text += fmt.Sprintf(", %d with %s", keys, op.Plural(keys, "private key"))
	}
	return text
}
