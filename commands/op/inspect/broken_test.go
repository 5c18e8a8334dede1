package inspect_test

import (
	"fmt"
	"testing"

	"certkdb/commands/op"
	"certkdb/commands/op/inspect"
	"certkdb/commands/op/optest"
)

// TestFailures_reachTheCaller: no error of the database is lost on the way, whichever access it comes from.
func TestFailures_reachTheCaller(t *testing.T) {
	t.Parallel()
	root := optest.NewCA(t, "Root")
	sub := root.CA(t, "Sub")
	web := sub.Issue(t, "web.example")
	file := optest.File(t, "web.pem", optest.PEM(web.Personal("")))
	for name, do := range map[string]func(s *op.Session) error{
		"list": func(s *op.Session) error {
			_, err := listed(s, inspect.List{Pattern: "*", WithPEM: true, Expiring: 1, Filter: inspect.Filter{SAN: "web"}})
			return err
		},
		"list, labels alone": func(s *op.Session) error {
			_, err := listed(s, inspect.List{Pattern: "w*", LabelsOnly: true, Sort: "-label"})
			return err
		},
		"find": func(s *op.Session) error {
			o := inspect.Find{Text: web.Serial(t)}
			if err := o.Prepare(ctx, s.Env); err != nil {
				return err
			}
			_, err := o.Run(ctx, s)
			return err
		},
		"find by a key": func(s *op.Session) error {
			o := inspect.Find{Text: file}
			if err := o.Prepare(ctx, s.Env); err != nil {
				return err
			}
			_, err := o.Run(ctx, s)
			return err
		},
		"compare": func(s *op.Session) error {
			_, err := inspect.Compare{}.Run(ctx, s, s)
			return err
		},
		"compare one": func(s *op.Session) error {
			_, err := inspect.Compare{Labels: [2]string{"web", "web"}}.Run(ctx, s, s)
			return err
		},
		"show": func(s *op.Session) error {
			_, err := inspect.Show{Label: "web"}.Run(ctx, s)
			return err
		},
		"validate": func(s *op.Session) error {
			v, err := inspect.Validate{Labels: []string{"web"}, Files: []string{file}, MaxDepth: -1}.Run(ctx, s)
			if err != nil && v.Results != nil {
				return fmt.Errorf("it says that %s is valid, before its records are read", v.Results[0].Name)
			}
			return err
		},
		"judge": func(s *op.Session) error {
			j, err := inspect.NewJudge(ctx, s)
			if err == nil {
				err = judged(j, inspect.Peer{Name: "web", Chain: [][]byte{web.Certificate}, Host: "web.example"})
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			optest.EachFailure(t, func() *op.Session {
				return optest.New(t, root.Trusted("root"), sub.Personal("sub"), web.Personal("web"), optest.Request(t, "pending"))
			}, do)
		})
	}
}
