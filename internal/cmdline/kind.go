package cmdline

import "path"

// Kind is what a program does with its words. The zero value is not known to
// run anything else.
type Kind uint8

// Kinds of programs.
const (
	Plain       Kind = iota
	Shell            // runs shell text
	Interpreter      // runs text of a language of its own
	Carrier          // runs the command that its words hold
)

// KindOf tells what kind of program a command word or path names.
func KindOf(program string) Kind {
	name := path.Base(program)
	if isShell(name) {
		return Shell
	}
	if _, ok := interpreterOf(name); ok || listed("awk gawk mawk nawk sed", name) {
		return Interpreter
	}
	if _, ok := wrapperOf(name); ok || listed("xargs parallel find make npx npm pnpm yarn bunx uvx docker podman kubectl eval source .", name) {
		return Carrier
	}
	return Plain
}
