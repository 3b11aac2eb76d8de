package configfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// Names of the environment variables that move a home.
const (
	EnvStateDir     = "OPENCLAW_STATE_DIR"
	EnvConfigPath   = "OPENCLAW_CONFIG_PATH"
	EnvProfile      = "OPENCLAW_PROFILE"
	EnvHome         = "OPENCLAW_HOME"
	EnvPort         = "OPENCLAW_GATEWAY_PORT"
	EnvWorkspace    = "OPENCLAW_WORKSPACE_DIR"
	EnvIncludeRoots = "OPENCLAW_INCLUDE_ROOTS"
)

// Env is what the command line and the environment say about the home.
type Env struct {
	// Getenv looks an environment variable up; nil means that none is set.
	Getenv func(string) string
	// Profile is the value of --profile; it wins over OPENCLAW_PROFILE.
	Profile string
	// Dev is --dev: the profile dev on its own port.
	Dev bool
}

// Paths are the places of one home. All are absolute; nothing is created.
type Paths struct {
	// Home is the user's directory, what ~ stands for.
	Home string
	// Profile is empty for the usual home.
	Profile string
	// State holds everything; the rest lies in it unless the environment
	// says otherwise.
	State  string
	Config string
	// Marker is home.json; it exists iff the home is ours.
	Marker       string
	Run          string // sockets and locks
	Socket       string // the gateway's own socket
	Workspace    string
	Credentials  string
	Secrets      string // secrets.json
	Logs         string
	Journal      string // logs/audit.log
	Reports      string
	EnvFile      string
	IncludeRoots []string
	// Port is set when the environment names one: it wins over gateway.port.
	// DefaultPort holds when neither does; 0 leaves the choice to posture.
	Port        config.Value[int]
	DefaultPort int
}

// ErrNoHome: neither OPENCLAW_HOME nor the system says where home is.
var ErrNoHome = errors.New("no home directory is known; set HOME or OPENCLAW_HOME")

var profileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`) })

// ResolvePaths finds the home. OPENCLAW_STATE_DIR wins over a profile, as with
// upstream. A name or port that cannot be meant is an error, never a default.
func ResolvePaths(e Env) (Paths, error) {
	get := e.Getenv
	if get == nil {
		get = func(string) string { return "" }
	}
	var p Paths
	var err error
	if p.Home, err = homeDir(get); err != nil {
		return Paths{}, err
	}
	if p.Profile, err = profileOf(e, get); err != nil {
		return Paths{}, err
	}
	state := filepath.Join(p.Home, ".openclaw")
	if p.Profile != "" {
		state += "-" + p.Profile
	}
	if p.State, err = p.fromEnv(get, EnvStateDir, state); err != nil {
		return Paths{}, err
	}
	if p.Config, err = p.fromEnv(get, EnvConfigPath, filepath.Join(p.State, "openclaw.json")); err != nil {
		return Paths{}, err
	}
	if p.Workspace, err = p.fromEnv(get, EnvWorkspace, filepath.Join(p.State, "workspace")); err != nil {
		return Paths{}, err
	}
	for _, root := range filepath.SplitList(get(EnvIncludeRoots)) {
		if root = p.Expand(root); root == "" {
			continue
		}
		if !filepath.IsAbs(root) {
			return Paths{}, fmt.Errorf("%s: found %q, expected absolute paths", EnvIncludeRoots, root)
		}
		p.IncludeRoots = append(p.IncludeRoots, filepath.Clean(root))
	}
	if err := p.setPort(get(EnvPort)); err != nil {
		return Paths{}, err
	}
	if e.Dev {
		p.DefaultPort = config.DevPort
	}
	p.fill()
	return p, nil
}

func (p *Paths) fill() {
	in := func(elem ...string) string { return filepath.Join(append([]string{p.State}, elem...)...) }
	p.Marker = in("home.json")
	p.Run = in("run")
	p.Socket = in("run", "gateway.sock")
	p.Credentials = in("credentials")
	p.Secrets = in("secrets.json")
	p.Logs = in("logs")
	p.Journal = in("logs", "audit.log")
	p.Reports = in("security-reports")
	p.EnvFile = in(".env")
}

func (p *Paths) setPort(text string) error {
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%s: found %q, expected a port between 1 and 65535", EnvPort, text)
	}
	p.Port = config.Value[int]{V: n, Origin: config.Origin{Set: true, Ref: claw.ConfigRef{File: "environment", Pointer: EnvPort}}}
	return nil
}

func homeDir(get func(string) string) (string, error) {
	home := get(EnvHome)
	if home == "" {
		home = get("HOME")
	}
	if home == "" && runtime.GOOS == "windows" {
		home = get("USERPROFILE")
	}
	if home == "" {
		return "", ErrNoHome
	}
	abs, err := filepath.Abs(home)
	if err != nil {
		return "", fmt.Errorf("home %q: %w", home, err)
	}
	return abs, nil
}

func profileOf(e Env, get func(string) string) (string, error) {
	from, name := "--profile", e.Profile
	if e.Dev {
		if name != "" && name != "dev" {
			return "", fmt.Errorf("--dev and --profile %q name two homes, expected one of them", name)
		}
		return "dev", nil
	}
	if name == "" {
		from, name = EnvProfile, strings.TrimSpace(get(EnvProfile))
	}
	if name == "" || name == "default" {
		return "", nil
	}
	if !profileName().MatchString(name) {
		return "", fmt.Errorf("%s: found %q, expected letters, digits, - and _", from, name)
	}
	return name, nil
}

func (p *Paths) fromEnv(get func(string) string, name, otherwise string) (string, error) {
	v := strings.TrimSpace(get(name))
	if v == "" {
		return otherwise, nil
	}
	if strings.ContainsRune(v, 0) {
		return "", fmt.Errorf("%s: found a NUL byte, expected a path", name)
	}
	abs, err := filepath.Abs(p.Expand(v))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return abs, nil
}

// Expand replaces a leading ~ by the home directory. A relative path stays
// relative: whose directory it means is the caller's knowledge.
func (p Paths) Expand(path string) string {
	if path == "~" {
		return p.Home
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(p.Home, rest)
	}
	if rest, ok := strings.CutPrefix(path, `~\`); ok && os.PathSeparator == '\\' {
		return filepath.Join(p.Home, rest)
	}
	return path
}

// Short writes a path below home with ~, for messages and generated files.
func (p Paths) Short(path string) string {
	rel, err := filepath.Rel(p.Home, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) || filepath.IsAbs(rel) {
		return path
	}
	if rel == "." {
		return "~"
	}
	return "~/" + filepath.ToSlash(rel)
}
