package config

// Profile is tools.profile.
type Profile string

// Tool profiles.
const (
	ProfileMinimal    Profile = "minimal"
	ProfileCoding     Profile = "coding"
	ProfileMessaging  Profile = "messaging"
	ProfileStandard   Profile = "standard"
	ProfileAutomation Profile = "automation"
	ProfileFull       Profile = "full"
)

// Tools is the global block: what holds for every agent, and the guide's
// overrides per agent.
type Tools struct {
	ToolSet
	Agents Map[ToolSet] `key:"agents" opt:"slug" doc:"per agent, the guide's form: allow adds, exec replaces"`
}

// ToolSet is a tools block: global, per agent.
type ToolSet struct {
	Origin
	Profile       Value[Profile]  `key:"profile" enum:"messaging,standard,automation,full,minimal,coding" doc:"named set of tools"`
	Allow         List            `key:"allow,allowlist" opt:"tool" doc:"tools and groups allowed"`
	AlsoAllow     List            `key:"alsoAllow" opt:"tool" doc:"tools added to the profile"`
	Deny          List            `key:"deny" opt:"tool" doc:"tools and groups refused; always wins"`
	ByProvider    Map[ToolLimits] `key:"byProvider" doc:"limits per model provider or provider/model"`
	BySender      Map[ToolLimits] `key:"toolsBySender" doc:"limits per sender"`
	FS            ToolFS          `key:"fs" doc:"files"`
	Exec          Exec            `key:"exec,bash" doc:"commands"`
	Elevated      Elevated        `key:"elevated" doc:"leaving the sandbox"`
	Sandbox       ToolsOf         `key:"sandbox" doc:"tools of sandboxed sessions"`
	Subagents     ToolsOf         `key:"subagents" doc:"tools of sub-agents"`
	AgentToAgent  AgentToAgent    `key:"agentToAgent" doc:"agents writing to agents"`
	Sessions      ToolSessions    `key:"sessions" doc:"which sessions the session tools see"`
	Message       ToolMessage     `key:"message" doc:"the message tool"`
	Web           ToolWeb         `key:"web" doc:"search and fetch"`
	Egress        Egress          `key:"egress" doc:"network destinations of agents"`
	Flow          Flow            `key:"flow" doc:"rules over where data came from"`
	Content       Content         `key:"content" doc:"treatment of text from outside"`
	Budget        Budget          `key:"budget" doc:"spending limits"`
	LoopDetection LoopDetection   `key:"loopDetection" doc:"repeated calls"`
	_             struct{}        `upstream:"media links sessions_spawn experimental updatePlan codeMode toolSearch"`
}

// ToolLimits narrows a set of tools.
type ToolLimits struct {
	Origin
	Profile   Value[Profile] `key:"profile" enum:"messaging,standard,automation,full,minimal,coding" doc:"named set of tools"`
	Allow     List           `key:"allow,allowlist" opt:"tool" doc:"tools and groups allowed"`
	AlsoAllow List           `key:"alsoAllow" opt:"tool" doc:"tools added"`
	Deny      List           `key:"deny" opt:"tool" doc:"tools and groups refused"`
}

// ToolsOf wraps limits under a key "tools".
type ToolsOf struct {
	Origin
	Tools ToolLimits `key:"tools" doc:"its tools"`
}

// ToolFS is tools.fs.
type ToolFS struct {
	Origin
	WorkspaceOnly Value[bool] `key:"workspaceOnly" def:"true" doc:"files outside the workspace are refused"`
	DenyPaths     List        `key:"denyPaths" doc:"paths refused always; ~ and * work"`
}

// ExecSecurity is tools.exec.security.
type ExecSecurity string

// ExecAsk is tools.exec.ask.
type ExecAsk string

// ExecMode is tools.exec.mode, upstream's newer merge of the two.
type ExecMode string

// Values of the exec keys.
const (
	ExecDeny      ExecSecurity = "deny"
	ExecAllowlist ExecSecurity = "allowlist"
	ExecFull      ExecSecurity = "full"

	AskAlways ExecAsk = "always"
	AskOnMiss ExecAsk = "on-miss"
	AskOff    ExecAsk = "off"

	ModeDeny      ExecMode = "deny"
	ModeAllowlist ExecMode = "allowlist"
	ModeAsk       ExecMode = "ask"
	ModeAuto      ExecMode = "auto"
	ModeFull      ExecMode = "full"
)

// Exec is tools.exec.
type Exec struct {
	Origin
	Host         Value[string]       `key:"host" enum:"auto,sandbox,gateway,node" def:"auto" doc:"where commands run"`
	Security     Value[ExecSecurity] `key:"security" enum:"deny,allowlist,full" def:"deny" doc:"which commands run"`
	Ask          Value[ExecAsk]      `key:"ask" enum:"always,on-miss,off" def:"always" doc:"when a person is asked"`
	AskFallback  Value[ExecSecurity] `key:"askFallback" enum:"deny,allowlist,full" def:"deny" doc:"what holds when nobody answers"`
	Mode         Value[ExecMode]     `key:"mode" enum:"deny,allowlist,ask,auto,full" doc:"newer upstream form of security and ask"`
	Allowlist    List                `key:"allowlist" doc:"commands allowed, as leading words"`
	Denylist     List                `key:"denylist" doc:"command patterns refused; wins over everything"`
	Elevated     ExecElevated        `key:"elevated" doc:"leaving the sandbox, the guide's place"`
	Level        Value[string]       `key:"level" enum:"isolated,confined,process,container,none" def:"isolated" doc:"confinement that a run must have"`
	Unconfined   Value[bool]         `key:"dangerouslyUnconfined" def:"false" doc:"required for level none"`
	ReadRoots    List                `key:"readRoots" doc:"further directories that runs may read"`
	Limits       ExecLimits          `key:"limits" doc:"what one run may use up"`
	SafeBins     List                `key:"safeBins" doc:"stdin-only programs, upstream's form"`
	SafeBinDirs  List                `key:"safeBinTrustedDirs" doc:"where those may lie"`
	PathPrepend  List                `key:"pathPrepend" doc:"directories put before PATH"`
	BackgroundMs Value[int]          `key:"backgroundMs" min:"0" def:"10000" doc:"when a command goes to the background"`
	Timeout      Value[Duration]     `key:"timeoutSec,timeoutSeconds" unit:"s" def:"1800" doc:"longest run"`
	CleanupMs    Value[int]          `key:"cleanupMs" min:"0" def:"1800000" doc:"how long finished sessions stay"`
	NotifyOnExit Value[bool]         `key:"notifyOnExit" def:"true" doc:"tell the session when a background command ends"`
	StrictEval   Value[bool]         `key:"strictInlineEval" def:"true" doc:"inline code always asks"`
	ApplyPatch   ApplyPatch          `key:"applyPatch" doc:"the apply_patch tool"`
	_            struct{}            `upstream:"node safeBinProfiles notifyOnExitEmptySuccess approvalRunningNoticeMs commandHighlighting reviewer"`
}

// ExecLimits is tools.exec.limits.
type ExecLimits struct {
	Origin
	MemoryMB   Value[int] `key:"memoryMb" min:"16" doc:"memory of a run as a whole where there is a cgroup, else of each process"`
	Processes  Value[int] `key:"processes" min:"8" def:"512" doc:"processes of a run at once"`
	CPUPercent Value[int] `key:"cpuPercent" min:"1" doc:"of one processor, 200 is two whole ones; needs a cgroup"`
}

// ExecElevated is tools.exec.elevated.
type ExecElevated struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"false" doc:"false here or in tools.elevated turns it off"`
}

// ApplyPatch is tools.exec.applyPatch.
type ApplyPatch struct {
	Origin
	Enabled       Value[bool] `key:"enabled" doc:"offer apply_patch"`
	WorkspaceOnly Value[bool] `key:"workspaceOnly" def:"true" doc:"files outside the workspace are refused"`
	AllowModels   List        `key:"allowModels" doc:"models that get it"`
}

// Elevated is tools.elevated.
type Elevated struct {
	Origin
	Enabled   Value[bool] `key:"enabled" def:"false" doc:"false here or in tools.exec.elevated turns it off"`
	AllowFrom Map[List]   `key:"allowFrom" opt:"ids" doc:"senders per channel"`
}

// AgentToAgent is tools.agentToAgent.
type AgentToAgent struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"false" doc:"agents may write to each other"`
	Allow   List        `key:"allow" doc:"agents that may be reached"`
}

// ToolSessions is tools.sessions.
type ToolSessions struct {
	Origin
	Visibility Value[string] `key:"visibility" enum:"self,tree,agent,all" def:"tree" doc:"which sessions are seen"`
}

// ToolMessage is tools.message.
type ToolMessage struct {
	Origin
	CrossContext CrossContext `key:"crossContext" doc:"sending outside the conversation"`
	_            struct{}     `upstream:"allowCrossContextSend broadcast"`
}

// CrossContext is tools.message.crossContext.
type CrossContext struct {
	Origin
	WithinProvider  Value[bool] `key:"allowWithinProvider" def:"false" doc:"other conversations of the same channel"`
	AcrossProviders Value[bool] `key:"allowAcrossProviders" def:"false" doc:"other channels"`
	_               struct{}    `upstream:"marker"`
}

// ToolWeb is tools.web.
type ToolWeb struct {
	Origin
	Search WebSearch `key:"search" doc:"web_search"`
	Fetch  WebFetch  `key:"fetch" doc:"web_fetch"`
}

// WebSearch is tools.web.search.
type WebSearch struct {
	Origin
	Enabled  Value[bool]      `key:"enabled" doc:"offer web_search"`
	Provider Value[string]    `key:"provider" doc:"search service"`
	APIKey   Value[SecretRef] `key:"apiKey" doc:"its key"`
	_        struct{}         `upstream:"maxResults timeoutSeconds cacheTtlMinutes perplexity grok gemini kimi brave openaiCodex" open:"1"`
}

// WebFetch is tools.web.fetch.
type WebFetch struct {
	Origin
	Enabled          Value[bool]     `key:"enabled" doc:"offer web_fetch"`
	MaxChars         Value[int]      `key:"maxChars" min:"1" def:"50000" doc:"most text returned"`
	MaxCharsCap      Value[int]      `key:"maxCharsCap" min:"1" doc:"most that a call may ask for"`
	MaxResponseBytes Value[Size]     `key:"maxResponseBytes" def:"2000000" doc:"largest response"`
	Timeout          Value[Duration] `key:"timeoutSeconds" unit:"s" def:"30" doc:"longest fetch"`
	MaxRedirects     Value[int]      `key:"maxRedirects" min:"0" max:"20" def:"3" doc:"redirects followed"`
	Readability      Value[bool]     `key:"readability" def:"true" doc:"keep the article only"`
	_                struct{}        `upstream:"cacheTtlMinutes userAgent firecrawl provider ssrfPolicy useTrustedEnvProxy"`
}

// Egress is tools.egress.
type Egress struct {
	Origin
	Mode     Value[string]    `key:"mode" enum:"ask,deny,allow" def:"ask" doc:"what happens at an unknown host"`
	Hosts    []EgressHost     `key:"hosts" doc:"hosts with a rule"`
	PerAgent Map[EgressAgent] `key:"perAgent" opt:"slug" doc:"per agent"`
}

// EgressAgent is tools.egress.perAgent.<id>.
type EgressAgent struct {
	Origin
	Mode  Value[string] `key:"mode" enum:"ask,deny,allow" doc:"what happens at an unknown host"`
	Hosts []EgressHost  `key:"hosts" doc:"hosts with a rule"`
}

// EgressHost is one entry of tools.egress.hosts.
type EgressHost struct {
	Origin
	Host    Value[string] `key:"host" doc:"name, or *.name for what is below it"`
	Class   Value[string] `key:"class" enum:"read,account,write" def:"read" doc:"what may be sent there"`
	Paths   List          `key:"paths" doc:"path prefixes"`
	Methods List          `key:"methods" doc:"methods"`
	_       struct{}      `short:"host"`
}

// Flow is tools.flow.
type Flow struct {
	Origin
	Mode      Value[string] `key:"mode" enum:"enforce,observe,off" def:"enforce" doc:"rules over untrusted, private and secret data"`
	Providers List          `key:"providers" doc:"model providers that may have private text; unset: the agent's first, and those on this machine"`
}

// Content is tools.content.
type Content struct {
	Origin
	StripSystemPrompts Value[bool] `key:"stripSystemPrompts" def:"true" doc:"neutralise text that poses as instructions"`
	MaxChars           Value[int]  `key:"maxChars" min:"1" def:"50000" doc:"most text from outside per result"`
}

// Budget is tools.budget. The global block bounds all agents together, the
// block of an agent that agent; a limit of 0 allows nothing.
type Budget struct {
	Origin
	TokensPerDay   Value[int]     `key:"tokensPerDay" min:"0" max:"1000000000000" doc:"model tokens per day"`
	CostPerDay     Value[float64] `key:"costPerDay" min:"0" max:"1000000" doc:"US dollars per day, for models"`
	CallsPerTurn   Value[int]     `key:"callsPerTurn" min:"1" max:"1000" def:"60" doc:"tool calls per turn"`
	CallsPerDay    Value[int]     `key:"callsPerDay" min:"0" max:"1000000000" doc:"tool calls per day"`
	MessagesPerDay Value[int]     `key:"messagesPerDay" min:"0" max:"1000000000" doc:"messages sent per day: by the message tool, and replies on channels"`
}

// LoopDetection is tools.loopDetection.
type LoopDetection struct {
	Origin
	Enabled   Value[bool]   `key:"enabled" def:"true" doc:"notice calls of a turn that bring nothing new"`
	History   Value[int]    `key:"historySize" min:"1" max:"1000" def:"30" doc:"calls of a turn that are looked at"`
	Warning   Value[int]    `key:"warningThreshold" min:"2" max:"1000" def:"10" doc:"repeats until the model is told"`
	Critical  Value[int]    `key:"criticalThreshold" min:"2" max:"1000" def:"20" doc:"repeats until the call is refused"`
	Breaker   Value[int]    `key:"globalCircuitBreakerThreshold" min:"2" max:"1000" def:"30" doc:"calls without news until the turn ends"`
	Detectors LoopDetectors `key:"detectors" doc:"what is looked for"`
	_         struct{}      `upstream:"unknownToolThreshold postCompactionGuard"`
}

// LoopDetectors is tools.loopDetection.detectors.
type LoopDetectors struct {
	Origin
	Repeat   Value[bool] `key:"genericRepeat" def:"true" doc:"the same call with the same result"`
	Poll     Value[bool] `key:"knownPollNoProgress" def:"true" doc:"looks at a process that does not change"`
	PingPong Value[bool] `key:"pingPong" def:"true" doc:"two calls in turn without a new result"`
}

// Thresholds are those of a block, else those of beneath, else the defaults.
func (l *LoopDetection) Thresholds(beneath *LoopDetection) (warning, critical, breaker int) {
	of := func(own, below Value[int], def int) int {
		if own.Set {
			return own.V
		}
		return below.Or(def)
	}
	return of(l.Warning, beneath.Warning, DefaultLoopWarning), of(l.Critical, beneath.Critical, DefaultLoopCritical), of(l.Breaker, beneath.Breaker, DefaultLoopBreaker)
}

// Defaults of tools.loopDetection, and of tools.budget.callsPerTurn.
const (
	DefaultLoopHistory  = 30
	DefaultLoopWarning  = 10
	DefaultLoopCritical = 20
	DefaultLoopBreaker  = 30
	DefaultCallsPerTurn = 60
)
