// Package cmdline turns the text of a shell command into facts: which programs
// would run, seen through wrappers, with which arguments, redirections, files
// and hosts. It runs nothing, and what it cannot resolve it calls not
// understood.
package cmdline

// Facts of one command line.
type Facts struct {
	Understood bool `json:"understood"`
}
