package native

import "github.com/urfave/cli/v2"

// inCategory puts options under a heading of the help.
func inCategory(category string, flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			f.Category = category
		case *cli.StringSliceFlag:
			f.Category = category
		case *cli.IntFlag:
			f.Category = category
		case *cli.BoolFlag:
			f.Category = category
		case *cli.DurationFlag:
			f.Category = category
		case *cli.GenericFlag:
			f.Category = category
		case *cli.Uint64Flag:
			f.Category = category
		}
	}
	return flags
}

// named makes the common types of options remember their names. urfave/cli makes the list with a regular expression whenever it asks for
// it, and it compares the names of all options for each option: a tenth of the time of "create". Before it runs a command, it also asks
// for the help text of every option (String), only to tell them apart; the help page asks for about.
func named(f cli.Flag) cli.Flag {
	switch f := f.(type) {
	case *cli.StringFlag:
		return &textOption{f, withAliases(f.Name, f.Aliases)}
	case *cli.StringSliceFlag:
		return &listOption{f, withAliases(f.Name, f.Aliases)}
	case *cli.BoolFlag:
		if cli.Flag(f) != cli.HelpFlag { // which urfave/cli knows by its address
			return &switchOption{f, withAliases(f.Name, f.Aliases)}
		}
	}
	return f
}

func withAliases(name string, aliases []string) []string { return append([]string{name}, aliases...) }

// isSwitch says whether an option takes no value.
func isSwitch(f cli.Flag) bool {
	switch f.(type) {
	case *switchOption, *cli.BoolFlag: // the second is --help
		return true
	}
	return false
}

type switchOption struct {
	*cli.BoolFlag
	names []string
}

func (o *switchOption) Names() []string { return o.names }
func (o *switchOption) String() string  { return o.names[0] }
func (o *switchOption) about() string   { return o.BoolFlag.String() }

type textOption struct {
	*cli.StringFlag
	names []string
}

func (o *textOption) Names() []string { return o.names }
func (o *textOption) String() string  { return o.names[0] }
func (o *textOption) about() string   { return o.StringFlag.String() }

type listOption struct {
	*cli.StringSliceFlag
	names []string
}

func (o *listOption) Names() []string { return o.names }
func (o *listOption) String() string  { return o.names[0] }
func (o *listOption) about() string   { return o.StringSliceFlag.String() }
