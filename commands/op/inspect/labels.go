package inspect

import (
	"context"

	"certkdb/commands/op"
)

// Labels lists up to most labels that begin with prefix, for shells to complete. It needs no password and answers
// nothing when something is wrong: a shell has nowhere to show it.
func Labels(ctx context.Context, env *op.Env, d op.DB, prefix string, most int) []string {
	location, err := d.Path(env)
	if err != nil {
		return nil
	}
	driver, err := env.Recognise(location)
	if err != nil || driver.Labels == nil {
		return nil
	}
	var found []string
	for label, err := range driver.Labels(ctx, location, prefix) {
		if err != nil || len(found) == most {
			break
		}
		found = append(found, label)
	}
	return found
}
