package entries

import (
	"fmt"
	"iter"

	"certkdb/commands/op"
)

// few is how many entries are all listed, see [Add.Brief].
const few = 20

// omitLast only counts the last action if there are many and nothing is to be said about it.
func (a *Added) omitLast() {
	last := len(a.Actions) - 1
	if last < few || a.Actions[last].notable() {
		return
	}
	if a.Actions[last].Trusted {
		a.trusted++
	}
	if a.Actions[last].PrivateKey {
		a.keys++
	}
	if a.Actions[last].Reason == NotTrusted {
		a.untrusted++
	}
	if a.omitted == nil {
		a.omitted = map[ActionName]int{}
	}
	a.omitted[a.Actions[last].Action]++
	a.Actions = a.Actions[:last]
}

// notable says whether there is something to say about an action, but for what the counts say.
func (a *Action) notable() bool {
	switch a.Action {
	case ActionSkipped, ActionDeleted, ActionTrusted, ActionDistrusted:
		return true
	}
	return a.Reason != "" && a.Reason != NotTrusted
}

// Count is the number of entries.
func (a Added) Count() int {
	n := len(a.Actions)
	for _, omitted := range a.omitted {
		n += omitted
	}
	return n
}

// Notable yields the actions that are worth a line: all of a few, of many those that there is something to say about.
func (a Added) Notable() iter.Seq[Action] {
	return func(yield func(Action) bool) {
		all := a.Count() <= few
		for _, action := range a.Actions {
			if (all || action.notable()) && !yield(action) {
				return
			}
		}
	}
}

// Counts sums up in a sentence: "150 entries: 148 added, 2 unchanged".
func (a Added) Counts() string {
	counts, keys, trusted, untrusted := map[ActionName]int{}, a.keys, a.trusted, a.untrusted
	var order []ActionName
	for _, action := range a.Actions {
		if counts[action.Action] == 0 {
			order = append(order, action.Action)
		}
		counts[action.Action]++
		if action.Trusted {
			trusted++
		}
		if action.Reason == NotTrusted {
			untrusted++
		}
		if action.PrivateKey {
			keys++
		}
	}
	for _, name := range []ActionName{ActionAdded, ActionReplaced, ActionUnchanged} {
		if a.omitted[name] > 0 && counts[name] == 0 {
			order = append(order, name)
		}
		counts[name] += a.omitted[name]
	}
	text := fmt.Sprintf("%d entries:", a.Count())
	for i, name := range order {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d %s", counts[name], name)
	}
	if trusted > 0 {
		text += fmt.Sprintf(", %d now trusted", trusted)
	}
	if untrusted > 0 {
		text += fmt.Sprintf(", %d not trusted", untrusted)
	}
	if keys > 0 {
		text += fmt.Sprintf(", %d with %s", keys, op.Plural(keys, "private key"))
	}
	return text
}
