package entries

import "fmt"

// Counts sums up in a sentence: "150 entries: 148 added, 2 unchanged".
func (a Added) Counts() string {
	counts := map[ActionName]int{}
	var order []ActionName
	for _, action := range a.Actions {
		if counts[action.Action] == 0 {
			order = append(order, action.Action)
		}
		counts[action.Action]++
	}
	text := fmt.Sprintf("%d entries:", len(a.Actions))
	for i, name := range order {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d %s", counts[name], name)
	}
	return text
}
