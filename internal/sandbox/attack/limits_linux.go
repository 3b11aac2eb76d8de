//go:build linux && (amd64 || arm64)

package attack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// bomb is an attempt to use something up, in a run of its own.
type bomb struct {
	name string
	from strictness
	// needs is the guarantee that stops it; without one only from counts.
	needs  policy.Guarantees
	limits policy.Limits
	act    func(f *field) []string
	// tells judges the result by what the program said: whether a limit held,
	// and which.
	tells func(res sandbox.Result, n int, said string) (limited bool, what string)
}

// under judges by the number that was reached.
func under(most int, what string) func(sandbox.Result, int, string) (bool, string) {
	return func(_ sandbox.Result, n int, said string) (bool, string) {
		return said != "" && n <= most, fmt.Sprintf("%s %s", what, said)
	}
}

func act(words ...string) func(*field) []string {
	return func(*field) []string { return words }
}

const (
	memoryCap  = 128 << 20
	memoryEach = 50 << 20
	taskCap    = 40
	taskMost   = taskCap + 32 // the supervisor and the threads of the program count too
)

func bombs() []bomb {
	killedOr := func(most int, what string) func(sandbox.Result, int, string) (bool, string) {
		return func(res sandbox.Result, n int, said string) (bool, string) {
			if res.Signal != "" {
				return true, what + " " + res.Signal
			}
			return said == "" || n <= most, fmt.Sprintf("%s %q", what, said)
		}
	}
	inWorkspace := func(verb string) func(*field) []string {
		return func(f *field) []string { return []string{verb, f.Workspace + "/src"} }
	}
	temporary := func(verb string) func(*field) []string {
		return func(*field) []string { return []string{verb, temporaryDir} }
	}
	return []bomb{
		{"start processes without end", atIsolated, policy.PidsLimit, policy.Limits{Processes: taskCap}, act("fork", "/bin/sleep"), under(taskMost, "processes:")},
		{"leave zombies without end", atIsolated, policy.PidsLimit, policy.Limits{Processes: taskCap}, act("zombies"), under(taskMost, "zombies:")},
		{"take memory in one process", always, 0, policy.Limits{MemoryBytes: memoryCap}, act("take", strconv.Itoa(memoryCap+memoryEach)), killedOr(0, "one process:")},
		{"take memory in many processes", never, policy.MemoryLimit, policy.Limits{MemoryBytes: memoryCap}, act("share", "4", strconv.Itoa(memoryEach)), killedOr(3, "of four processes:")},
		{"fill the temporary directory", atIsolated, 0, policy.Limits{TmpBytes: 1 << 20}, temporary("fill"), under(1<<20, "bytes:")},
		{"take all names of the temporary directory", atIsolated, 0, policy.Limits{TmpBytes: 1 << 20}, temporary("names"), under(mostNames-1, "names:")},
		{"write a file without end", always, 0, policy.Limits{FileBytes: 1 << 20}, func(f *field) []string { return []string{"grow", f.Workspace + "/src/big"} }, under(1<<20, "bytes:")},
		{"fill the workspace", never, 0, policy.Limits{}, inWorkspace("fill"), under(1<<20, "bytes:")},
		{"take names in the workspace", never, 0, policy.Limits{}, inWorkspace("names"), under(mostNames-1, "names:")},
		{"write output without end", always, 0, policy.Limits{OutputBytes: 1000}, act("shout"), func(res sandbox.Result, _ int, said string) (bool, string) {
			return res.OutputCut && len(said) <= 1000, "output was cut"
		}},
		{"run without end", always, 0, policy.Limits{TimeoutMs: 400}, func(f *field) []string { return []string{"block", f.Marker} }, func(res sandbox.Result, _ int, _ string) (bool, string) {
			return res.TimedOut, "timed out"
		}},
		{"open descriptors without end", always, 0, policy.Limits{OpenFiles: 64}, act("files"), under(64, "descriptors:")},
		{"take the processor", never, policy.CPULimit, policy.Limits{CPUPercent: 5}, act("spin"), under(15, "percent of one processor:")},
	}
}

func (x *pass) bomb(b bomb) {
	from := b.from
	if b.needs != 0 && x.held&b.needs == b.needs && (b.needs != policy.PidsLimit || x.level == policy.LevelIsolated) {
		from = always
	}
	conf := x.f.profile(x.level)
	conf.Limits = b.limits
	if conf.Limits.TimeoutMs == 0 {
		conf.Limits.TimeoutMs = 30_000
	}
	res, said, err := x.run(conf, x.f.command(b.act(x.f)...))
	n, nerr := strconv.Atoi(said)
	limited, what := b.tells(res, n, said)
	switch {
	case limited:
		x.add(b.name, from, Limited, what)
	case err != nil:
		x.add(b.name, from, Unmeasured, err.Error())
	case nerr != nil && said != "taken":
		x.add(b.name, from, Unmeasured, fmt.Sprintf("it said %.60q and ended with %d %s", said, res.ExitCode, res.Signal))
	default:
		x.add(b.name, from, NotStopped, what)
	}
	x.sweep()
}

// sweep takes away what a bomb left in the workspace.
func (x *pass) sweep() {
	for _, pattern := range []string{"fill-*", "name-*", "big"} {
		found, err := filepath.Glob(filepath.Join(x.f.Workspace, "src", pattern))
		if err != nil {
			continue
		}
		for _, f := range found {
			_ = os.Remove(f)
		}
	}
}

const (
	raceWrite = "race the protection of a steering file"
	raceRead  = "race the way to a file"
	races     = 4
)

// race exchanges a directory of the workspace with a link to the outside while
// runs start whose profile names files beneath it.
func (x *pass) race() {
	d, l := x.f.Workspace+"/race/d", x.f.Workspace+"/race/l"
	conf := policy.Confinement{Level: x.level, Workspace: x.f.Workspace, WorkspaceWrite: true, ReadRoots: []string{x.f.ReadRoot}}
	end, err := x.background(conf, x.f.command("flip", d, l))
	if err != nil {
		x.add(raceWrite, atConfined, Unmeasured, err.Error())
		x.add(raceRead, atConfined, Unmeasured, err.Error())
		return
	}
	defer end()
	held := conf
	// What a steering file's protection makes while a run lasts may lie in the
	// workspace only. A run that meets the way in the wrong moment is refused.
	held.ReadOnly = []string{d + "/hooks/", d + "/new"}
	held.Masked = []string{d + "/masked"}
	var all sync.WaitGroup
	for range races {
		all.Go(func() { _, _, _ = x.run(held, x.f.command("nothing")) })
	}
	all.Wait()
	class, what := Blocked, ""
	for _, name := range []string{"new", "hooks", "masked"} {
		if _, err := os.Lstat(filepath.Join(x.f.Open, name)); err == nil {
			class, what = NotStopped, name
		}
	}
	x.add(raceWrite, atConfined, class, what)
	_, said, err := x.run(conf, x.f.command("snatch", d+"/only"))
	had, nerr := strconv.Atoi(said)
	switch {
	case err != nil || nerr != nil:
		x.add(raceRead, atConfined, Unmeasured, fmt.Sprintf("it said %.60q: %v", said, err))
	case had > 0:
		x.add(raceRead, atConfined, NotStopped, "")
	default:
		x.add(raceRead, atConfined, Blocked, "")
	}
}
