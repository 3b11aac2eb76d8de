package darwin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// systemRead is what programs of macOS need to start. None holds a secret of a
// person's.
func systemRead() []string {
	return []string{"/usr", "/bin", "/sbin", "/System", "/Library/Apple", "/Library/Developer/CommandLineTools", "/opt/homebrew/bin", "/opt/homebrew/lib", "/opt/homebrew/opt", "/opt/homebrew/Cellar",
		"/private/etc/ssl", "/private/etc/localtime", "/private/var/db/timezone", "/private/var/db/dyld"}
}

// Profile writes the Seatbelt profile of a confinement: everything is denied,
// and what the confinement grants comes after. The last rule that matches
// decides, so what is hidden and what may not be changed comes last. home and
// tmp are private to the run. It refuses what Seatbelt cannot hold.
func Profile(c policy.Confinement, home, tmp string) (string, error) {
	if c.Level != policy.LevelConfined {
		return "", &sandbox.LevelError{Want: c.Level, Got: policy.LevelConfined, Missing: (c.Level.Guarantees() &^ policy.LevelConfined.Guarantees()).Names(),
			Kernel: "Seatbelt has rules for files, processes and sockets, and no namespaces"}
	}
	var b builder
	b.line(`(version 1)`)
	b.line(`(deny default)`)
	b.line(`(allow process-fork)`)
	b.line(`(allow signal (target children))`)
	b.line(`(allow sysctl-read)`)
	b.paths("allow file-read* file-map-executable process-exec*", "subpath", systemRead())
	b.paths("allow file-read-metadata", "literal", []string{"/", "/private", "/private/var", "/private/etc", "/Users", "/var", "/tmp", "/etc"})
	b.paths("allow file-read* file-write-data file-ioctl", "literal", []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/tty"})
	b.paths("allow file-read* file-write* process-exec* file-map-executable", "subpath", []string{home, tmp})
	b.paths("allow file-read* process-exec* file-map-executable", "subpath", c.ReadRoots)
	if c.Workspace != "" {
		grant := "allow file-read* process-exec* file-map-executable"
		if c.WorkspaceWrite {
			grant = "allow file-read* file-write* process-exec* file-map-executable"
		}
		b.paths(grant, "subpath", []string{c.Workspace})
	}
	b.line(`(deny file-write-setugid)`)
	b.paths("deny file-write*", "subpath", c.ReadOnly)
	b.paths("deny file-link", "subpath", c.Masked)
	b.paths("deny file-read* file-write* process-exec*", "subpath", c.Masked)
	b.line(`(deny network*)`)
	switch c.Network {
	case policy.NetworkNone:
	case policy.NetworkProxy:
		b.line(fmt.Sprintf(`(allow network-outbound (remote ip "localhost:%s"))`, sandbox.ProxyAddress[strings.LastIndexByte(sandbox.ProxyAddress, ':')+1:]))
	}
	b.line(`(deny mach-lookup)`)
	b.line(`(deny appleevent-send)`)
	if b.err != nil {
		return "", b.err
	}
	return b.text.String(), nil
}

// builder keeps the first error.
type builder struct {
	text strings.Builder
	err  error
}

func (b *builder) line(s string) { b.text.WriteString(s + "\n") }

// paths adds one rule over several paths; none adds nothing.
func (b *builder) paths(rule, how string, paths []string) {
	if len(paths) == 0 {
		return
	}
	words := []string{}
	for _, p := range slices.Sorted(slices.Values(paths)) {
		q, err := quote(strings.TrimSuffix(p, "/"), p)
		if err != nil && b.err == nil {
			b.err = err
		}
		words = append(words, "("+how+" "+q+")")
	}
	b.line("(" + rule + " " + strings.Join(words, " ") + ")")
}

// quote writes a path as a text of the profile's language. A path that could be
// read as anything else is refused.
func quote(p, as string) (string, error) {
	if p == "" && as == "/" {
		p = "/"
	}
	if !path.IsAbs(p) || path.Clean(p) != p {
		return "", fmt.Errorf("sandbox: path %q of the profile: want an absolute, clean path", as)
	}
	for _, r := range p {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return "", fmt.Errorf("sandbox: path %q of the profile: want one without control characters", as)
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`, nil
}
