// Package archtest holds the architecture to its rules: what may import what,
// and who may start a process, dial, or hand out a consent.
package archtest

// ring of every package: 0 words and judgement, 1 adapters, 2 engine,
// 3 surfaces. An import never points to a higher ring; adapters do not know
// each other but for the arrows named in may.
type rule struct {
	ring int
	// may lists what the package imports of this module, besides claw.
	may []string
	// why is the reason for an arrow that is not obvious.
	why string
}

var rules = map[string]rule{
	"claw":    {ring: 0},
	"json5":   {ring: 0},
	"config":  {ring: 0, may: []string{"json5"}},
	"cmdline": {ring: 0},
	"policy":  {ring: 0, may: []string{"budget", "cmdline", "standing"}},
	"budget":  {ring: 0},

	"standing": {ring: 0, may: []string{"cmdline"}},
	"posture":  {ring: 0, may: []string{"budget", "config", "json5", "policy", "standing"}},
	"audit":    {ring: 0, may: []string{"answer", "config", "json5", "policy", "posture"}, why: "the audit asks the enforcer; who reaches what is answered as policy matrix does"},
	"answer":   {ring: 0, may: []string{"budget", "cmdline", "config", "inbox/admission", "policy", "posture"}, why: "who can cause what is asked of the enforcer; configuration is posture's to read"},
	"filter":   {ring: 0},
	"chain":    {ring: 0},

	"filter/inject": {ring: 0},

	"skillscan":      {ring: 0, may: []string{"skillscan/lang", "cmdline", "filter", "filter/inject"}},
	"skillscan/lang": {ring: 0},

	"atomicfile":            {ring: 1},
	"skill":                 {ring: 1, may: []string{"atomicfile", "filter", "policy", "skillscan"}, why: "a skill is judged before it is kept; its files are shown with everything visible"},
	"remedy":                {ring: 1, may: []string{"atomicfile", "audit", "configfile", "json5"}, why: "edits the configuration by the one way there is"},
	"survey":                {ring: 1, may: []string{"audit", "filter", "survey/engine"}},
	"survey/engine":         {ring: 1, may: []string{"audit"}},
	"configfile":            {ring: 1, may: []string{"json5", "config", "atomicfile"}, why: "atomicfile is the one way to replace a file"},
	"sandbox":               {ring: 1, may: []string{"policy"}},
	"sandbox/linux":         {ring: 1, may: []string{"sandbox", "policy", "sandbox/linux/confine"}},
	"sandbox/linux/confine": {ring: 1},
	"sandbox/linux/stage":   {ring: 1, may: []string{"sandbox/linux/confine"}},
	"sandbox/docker":        {ring: 1, may: []string{"sandbox", "policy", "sandbox/linux/confine"}, why: "there is one filter of system calls, wherever it is installed"},
	"sandbox/darwin":        {ring: 1, may: []string{"sandbox", "policy"}},
	"sandbox/windows":       {ring: 1, may: []string{"sandbox"}},
	"sandbox/sandboxtest":   {ring: 1, may: []string{"sandbox", "sandbox/attack", "policy"}},
	"sandbox/attack":        {ring: 1, may: []string{"sandbox", "policy"}},
	"egress":                {ring: 1, may: []string{"policy", "egress/page"}},
	"egress/page":           {ring: 1},
	"vault":                 {ring: 1, may: []string{"atomicfile"}},
	"vault/plain":           {ring: 0, may: []string{"json5"}},
	"files":                 {ring: 1, may: []string{"policy"}},
	"journal":               {ring: 1, may: []string{"chain", "atomicfile", "journal/index", "journal/ocsf"}},
	"journal/index":         {ring: 0, may: []string{"chain"}},
	"journal/ocsf":          {ring: 0, may: []string{"chain"}},
	"journal/witness":       {ring: 1, may: []string{"chain", "atomicfile"}},
	"store":                 {ring: 1, may: []string{"atomicfile"}},
	"notify":                {ring: 1, may: []string{"atomicfile", "filter"}},
	"channel":               {ring: 1},
	"channel/telegram":      {ring: 1, may: []string{"channel"}},
	"channel/channeltest":   {ring: 1, may: []string{"channel"}},
	"ledger":                {ring: 1, may: []string{"atomicfile", "budget"}},
	"lockdown":              {ring: 1, may: []string{"atomicfile"}},
	"model":                 {ring: 1},
	"model/anthropic":       {ring: 1, may: []string{"model"}},
	"model/openai":          {ring: 1, may: []string{"model"}},
	"model/gemini":          {ring: 1, may: []string{"model"}},
	"model/operator":        {ring: 1, may: []string{"model"}},
	"model/script":          {ring: 1, may: []string{"model"}},
	"model/modeltest":       {ring: 1, may: []string{"model"}},

	"channel/telegram/telegramtest": {ring: 1, may: []string{"channel", "channel/channeltest"}},

	"tool":     {ring: 2, may: []string{"cmdline", "policy"}},
	"approval": {ring: 2, may: []string{"policy"}},
	"gate":     {ring: 2, may: []string{"budget", "policy", "cmdline", "approval", "journal", "chain", "filter", "filter/inject", "sandbox", "egress", "egress/page", "files", "tool", "standing"}, why: "the one road from a call to an effect meets everything that decides, confines and records"},
	"agent":    {ring: 2, may: []string{"budget", "gate", "model", "store", "filter", "policy", "tool"}},
	"courier":  {ring: 2, may: []string{"agent", "approval", "channel", "filter", "policy"}},
	"inbox":    {ring: 2, may: []string{"agent", "approval", "channel", "inbox/admission", "journal", "store", "policy", "posture"}},

	"inbox/admission": {ring: 0, may: []string{"config", "policy", "posture"}},
	"schedule":        {ring: 2},
	"metrics":         {ring: 2, may: []string{"monitor"}, why: "counts what the monitor reads of the record"},
	"monitor":         {ring: 2, may: []string{"atomicfile", "chain", "journal", "notify", "posture"}, why: "thresholds are posture's; what was found goes out by notify"},

	"gateway":         {ring: 3, may: []string{"approval", "gateway/access", "gateway/devices", "gateway/wire"}},
	"gateway/access":  {ring: 1},
	"gateway/devices": {ring: 0, may: []string{"gateway/wire"}},
	"gateway/wire":    {ring: 0},
	"webui":           {ring: 3},
	"cli":             {ring: 3, may: []string{"*"}, why: "commands reach whatever they print"},
	"app":             {ring: 3, may: []string{"*"}, why: "wiring only: the one place that knows every part"},
}

// onlyBy names who may import a package at all.
var onlyBy = map[string][]string{
	"sandbox":        {"gate", "app", "sandbox/linux", "sandbox/docker", "sandbox/darwin", "sandbox/windows", "sandbox/sandboxtest", "sandbox/attack", "cli"},
	"sandbox/linux":  {"app"},
	"sandbox/docker": {"app", "cli"},
	"vault":          {"app", "cli"},
	"egress":         {"gate", "app"},
}

// pureBanned are direct imports that ring 0 must not have.
var pureBanned = []string{"os", "os/exec", "os/user", "net", "net/http", "syscall", "io/ioutil", "golang.org/x/sys/unix", "plugin", "unsafe"}

// fanOutLimit bounds imports within the module, not counting claw.
const fanOutLimit = 8

var fanOutExempt = map[string]string{
	"app": "wiring only", "cli": "commands reach whatever they print",
	"gate": "the one road meets decision, confinement and record",
}

// symbols that start a process, dial, or loosen: pkg path + name → packages
// of this module that may use it, with the reason.
type symbolRule struct {
	pkg, name string
	allowed   map[string]string
}

var symbolRules = []symbolRule{
	{"os/exec", "Command", map[string]string{}},
	{"os/exec", "CommandContext", map[string]string{}},
	{"os", "StartProcess", map[string]string{"sandbox/linux": "the launcher"}},
	{"syscall", "ForkExec", map[string]string{"sandbox/linux": "starts the launcher, and the firewall's program for an operator who asked for it", "sandbox/linux/confine": "the launcher starts stages, a stage its program", "sandbox/docker": "the first process of a container starts the task that becomes the program", "sandbox/attack": "a confined program tries what must fail"}},
	{"syscall", "StartProcess", map[string]string{"sandbox/linux": "the launcher"}},
	{"syscall", "Exec", map[string]string{"sandbox/linux/confine": "a stage that is not on its main thread starts over", "sandbox/docker": "the restricted task becomes the program"}},
	{"net", "Dial", map[string]string{}},
	{"net", "DialTimeout", map[string]string{}},
	{"net", "DialTCP", map[string]string{}},
	{"net", "DialUDP", map[string]string{}},
	{"net", "DialIP", map[string]string{}},
	{"net", "DialUnix", map[string]string{}},
	{"net", "Resolver", map[string]string{"egress": "asks for names after they were decided"}},
	{"net", "Listen", map[string]string{"app": "the gateway's port", "gateway": "the owner's socket", "cli": "asks the kernel for a free port and closes it"}},
	{"net", "ListenPacket", map[string]string{}},
	{"net", "ListenTCP", map[string]string{}},
	{"net", "ListenUDP", map[string]string{}},
	{"net", "ListenUnix", map[string]string{}},
	{"net", "ListenConfig", map[string]string{}},
	{"net", "FileListener", map[string]string{"sandbox/linux": "the proxy's port, made inside a run's namespace"}},
	{"net", "FileConn", map[string]string{}},
	{"crypto/tls", "Dial", map[string]string{}},
	{"crypto/tls", "DialWithDialer", map[string]string{}},
	{"crypto/tls", "Dialer", map[string]string{}},
	{"syscall", "Connect", map[string]string{}},
	{"syscall", "Sendto", map[string]string{}},
	{"golang.org/x/sys/unix", "Connect", map[string]string{"sandbox/linux/confine": "a witness tries what must fail", "sandbox/attack": "a confined program tries what must fail"}},
	{"golang.org/x/sys/unix", "Sendto", map[string]string{"sandbox/attack": "a confined program tries what must fail"}},
	{"golang.org/x/sys/unix", "Exec", map[string]string{}},
	{"net/http", "Head", map[string]string{}},
	{"net", "Dialer", map[string]string{"egress": "the one dialer", "cli": "the gateway's own unix socket", "gateway": "asks the port in use who owns it", "survey": "the deep audit asks the gateway's own port", "survey/engine": "the deep audit asks container engines over their sockets", "sandbox/docker": "the container engine's socket"}},
	{"net/http", "DefaultClient", map[string]string{}},
	{"net/http", "DefaultTransport", map[string]string{}},
	{"net/http", "Get", map[string]string{}},
	{"net/http", "Post", map[string]string{}},
	{"net/http", "PostForm", map[string]string{}},
	{"net/http", "Transport", map[string]string{"egress": "built on the one dialer", "cli": "the gateway's own unix socket", "sandbox/docker": "the container engine's socket"}},
	{"plugin", "Open", map[string]string{}},
	{"github.com/openclaw-go/openclaw/internal/policy", "Consented", map[string]string{"approval": "a consent is a person's answer, and answers live there"}},
}

// linknames names packages outside the module that reach a function past the
// language, with the reason that this is safe.
var linknames = map[string]string{
	"golang.org/x/sys/unix":    "the runtime's own numbers, and macOS's way to make a system call; who may call what is a rule above",
	"golang.org/x/sys/windows": "finds functions of system libraries",
	"golang.org/x/sys/cpu":     "asks which instructions the processor has, for the ciphers of the encrypted store",
}

// thirdParty names packages outside the module that use a symbol above, with
// the reason that this is safe.
var thirdParty = map[string]string{
	"github.com/coder/websocket": "Dial is given our http.Client; the server side never dials",
	"golang.org/x/sys/unix":      "defines Exec; who may call it is a rule above",
}
