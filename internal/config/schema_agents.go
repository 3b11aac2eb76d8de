package config

// Agents is the agents block. Both of upstream's forms are read; All joins
// them.
type Agents struct {
	Origin
	Defaults AgentDefaults `key:"defaults" doc:"what every agent inherits"`
	List     []Agent       `key:"list" opt:"guard" doc:"agents"`
	Entries  Map[Agent]    `key:"entries" opt:"guard,slug" doc:"agents by id, upstream's newer form"`

	// named are the agents that only tools.agents names.
	named []Entry[struct{}]
}

// AgentDefaults is agents.defaults.
type AgentDefaults struct{ AgentSettings }

// Agent is one agent.
type Agent struct {
	ID       Value[string] `key:"id" opt:"guard,slug" doc:"lower-case name"`
	Default  Value[bool]   `key:"default" opt:"guard" def:"false" doc:"answers when no binding matches"`
	Name     Value[string] `key:"name" doc:"display name"`
	AgentDir Value[string] `key:"agentDir" doc:"where its credentials lie"`
	Identity Identity      `key:"identity" doc:"how it presents itself"`
	Surfaces List          `key:"surfaces" opt:"guard" enum:"cli,webchat,channels,hooks,cron,api,agent" doc:"where it may be reached from; default everywhere"`
	Tools    ToolSet       `key:"tools" opt:"guard" doc:"its tools; upstream's narrowing form"`
	AgentSettings
}

// AgentSettings are the keys that agents and their defaults share.
type AgentSettings struct {
	Origin
	Workspace   Value[string]    `key:"workspace" opt:"guard" doc:"directory of its files"`
	Model       Model            `key:"model" doc:"model and fallbacks"`
	Models      Map[ModelChoice] `key:"models" doc:"models that may be chosen, with aliases"`
	ImageModel  Model            `key:"imageModel" opt:"unbuilt" doc:"model for images"`
	Skills      List             `key:"skills" opt:"guard" doc:"skills it sees; unset is all, [] is none"`
	Sandbox     Sandbox          `key:"sandbox" opt:"guard" doc:"container sandbox"`
	Subagents   Subagents        `key:"subagents" opt:"guard" doc:"agents it may start"`
	GroupChat   GroupChat        `key:"groupChat" doc:"behaviour in groups"`
	Heartbeat   Heartbeat        `key:"heartbeat" opt:"unbuilt" doc:"periodic turns"`
	Compaction  Compaction       `key:"compaction" doc:"shortening long sessions"`
	Bootstrap   Value[bool]      `key:"skipBootstrap" def:"false" doc:"do not seed workspace files"`
	BootChars   Value[int]       `key:"bootstrapMaxChars" min:"0" def:"20000" doc:"most text of one workspace file"`
	BootTotal   Value[int]       `key:"bootstrapTotalMaxChars" min:"0" def:"150000" doc:"most text of all workspace files"`
	Timeout     Value[Duration]  `key:"timeoutSeconds" unit:"s" def:"600" doc:"longest turn"`
	ContextTok  Value[int]       `key:"contextTokens" min:"1" doc:"context window"`
	MaxConc     Value[int]       `key:"maxConcurrent" min:"1" def:"4" doc:"turns at the same time"`
	Thinking    Value[string]    `key:"thinkingDefault" enum:"off,minimal,low,medium,high,xhigh,adaptive,max" doc:"reasoning effort"`
	ElevatedDef Value[string]    `key:"elevatedDefault" opt:"guard" enum:"off,on,ask,full" doc:"upstream's default of /elevated"`
	_           struct{}         `upstream:"repoRoot pdfModel imageGenerationModel videoGenerationModel musicGenerationModel contextInjection bootstrapPromptTruncationWarning userTimezone timeFormat envelopeTimezone envelopeTimestamp envelopeElapsed verboseDefault toolProgressDetail reasoningDefault fastModeDefault fastMode mediaMaxMb imageMaxDimensionPx imageQuality contextPruning contextLimits blockStreamingDefault blockStreamingBreak blockStreamingChunk blockStreamingCoalesce humanDelay typingIntervalSeconds typingMode systemPromptOverride promptOverlays llm embeddedHarness embeddedPi agentRuntime runtime memorySearch memory cliBackends params tts runRetries startupContext silentReply pdfMaxBytesMb pdfMaxPages mediaGenerationAutoProviderFallback skillsLimits description"`
}

// Identity is an agent's identity block.
type Identity struct {
	Origin
	Name   Value[string] `key:"name" doc:"name"`
	Theme  Value[string] `key:"theme" doc:"manner"`
	Emoji  Value[string] `key:"emoji" doc:"emoji"`
	Avatar Value[string] `key:"avatar" doc:"picture"`
}

// Model names a model; a bare text is the primary one.
type Model struct {
	Origin
	Primary   Value[string] `key:"primary" doc:"provider/model"`
	Fallbacks List          `key:"fallbacks" doc:"tried in order when it fails"`
	_         struct{}      `short:"primary" upstream:"timeoutMs"`
}

// ModelChoice is one of agents.defaults.models.
type ModelChoice struct {
	Origin
	Alias Value[string] `key:"alias" doc:"short name"`
	_     struct{}      `upstream:"params streaming agentRuntime" open:"1"`
}

// GroupChat is groupChat.
type GroupChat struct {
	Origin
	MentionPatterns List       `key:"mentionPatterns" doc:"patterns that count as a mention"`
	HistoryLimit    Value[int] `key:"historyLimit" min:"0" doc:"messages kept as context"`
	_               struct{}   `upstream:"visibleReplies unmentionedInbound"`
}

// Subagents is subagents.
type Subagents struct {
	Origin
	AllowAgents    List            `key:"allowAgents" doc:"agents that may be started; * is all"`
	RequireAgentID Value[bool]     `key:"requireAgentId" def:"false" doc:"a call must name one"`
	MaxConcurrent  Value[int]      `key:"maxConcurrent" min:"0" def:"8" doc:"at the same time"`
	MaxSpawnDepth  Value[int]      `key:"maxSpawnDepth" min:"0" def:"1" doc:"how deep they nest"`
	MaxChildren    Value[int]      `key:"maxChildrenPerAgent" min:"0" doc:"per agent"`
	RunTimeout     Value[Duration] `key:"runTimeoutSeconds" unit:"s" def:"900" doc:"longest run"`
	ArchiveAfter   Value[Duration] `key:"archiveAfterMinutes" unit:"m" def:"60" doc:"when it is put away"`
	Model          Model           `key:"model" doc:"their model"`
	_              struct{}        `upstream:"thinking announceTimeoutMs delegationMode"`
}

// Heartbeat is heartbeat.
type Heartbeat struct {
	Origin
	Every  Value[Duration] `key:"every" unit:"m" doc:"how often; 0m is never"`
	Target Value[string]   `key:"target" doc:"where it reports"`
	_      struct{}        `upstream:"model to session prompt ackMaxChars activeHours lightContext isolatedSession directPolicy includeReasoning accountId suppressToolErrorWarnings timeoutSeconds includeSystemPromptSection skipWhenBusy"`
}

// Compaction is compaction.
type Compaction struct {
	Origin
	Mode          Value[string]   `key:"mode" doc:"how sessions are shortened"`
	ReserveTokens Value[int]      `key:"reserveTokensFloor" min:"0" def:"20000" doc:"room kept free"`
	Timeout       Value[Duration] `key:"timeoutSeconds" unit:"s" def:"900" doc:"longest shortening"`
	Model         Value[string]   `key:"model" doc:"model that does it"`
	_             struct{}        `upstream:"notifyUser postCompactionSections memoryFlush reserveTokens keepRecentTokens maxHistoryShare recentTurnsPreserve identifierPolicy identifierInstructions qualityGuard postIndexSync customInstructions truncateAfterCompaction provider maxActiveTranscriptBytes midTurnPrecheck"`
}

// Sandbox is agents.*.sandbox.
type Sandbox struct {
	Origin
	Mode            Value[string]  `key:"mode" enum:"off,non-main,all" def:"off" doc:"which sessions run in a container"`
	Scope           Value[string]  `key:"scope" enum:"agent,session,shared" def:"agent" doc:"who shares one container"`
	PerSession      Value[bool]    `key:"perSession" doc:"older form of scope"`
	Backend         Value[string]  `key:"backend" enum:"docker,podman,ssh,openshell" def:"docker" doc:"what runs it"`
	WorkspaceAccess Value[string]  `key:"workspaceAccess" enum:"none,ro,rw" def:"none" doc:"how the workspace is seen"`
	WorkspaceRoot   Value[string]  `key:"workspaceRoot" doc:"where sandbox workspaces lie"`
	Visibility      Value[string]  `key:"sessionToolsVisibility" enum:"spawned,all" def:"spawned" doc:"sessions seen from inside"`
	Docker          Docker         `key:"docker" doc:"the container"`
	Prune           SandboxPrune   `key:"prune" doc:"when private folders of containers go"`
	Browser         SandboxBrowser `key:"browser" opt:"unbuilt" doc:"browser in a container"`
	_               struct{}       `upstream:"ssh"`
}

// SandboxPrune is sandbox.prune.
type SandboxPrune struct {
	Origin
	IdleHours  Value[int] `key:"idleHours" min:"0" def:"24" doc:"unused for so long; 0 never"`
	MaxAgeDays Value[int] `key:"maxAgeDays" min:"0" def:"7" doc:"older than this; 0 never"`
}

// SandboxBrowser is sandbox.browser.
type SandboxBrowser struct {
	Origin
	Enabled          Value[bool]   `key:"enabled" def:"false" doc:"start it"`
	AllowHostControl Value[bool]   `key:"allowHostControl" def:"false" doc:"control the browser of the host"`
	Network          Value[string] `key:"network" doc:"its network"`
	CDPSourceRange   Value[string] `key:"cdpSourceRange" doc:"who may control it"`
	Binds            List          `key:"binds" doc:"mounts"`
	_                struct{}      `open:"1"`
}

// Docker is sandbox.docker.
type Docker struct {
	Origin
	Image           Value[string]         `key:"image" doc:"image"`
	ContainerPrefix Value[string]         `key:"containerPrefix" def:"openclaw-sbx-" doc:"name prefix"`
	Workdir         Value[string]         `key:"workdir" def:"/workspace" doc:"where the workspace is seen"`
	Network         Value[string]         `key:"network" def:"none" doc:"none, bridge or the name of a network"`
	ReadOnlyRoot    Value[bool]           `key:"readOnlyRoot" def:"true" doc:"root file system is read-only"`
	Tmpfs           List                  `key:"tmpfs" doc:"writable temporary directories"`
	CapDrop         List                  `key:"capDrop" def:"ALL" doc:"capabilities dropped"`
	User            Value[string]         `key:"user" opt:"ids" doc:"uid:gid"`
	Env             Map[Value[SecretRef]] `key:"env" doc:"variables that enter"`
	PidsLimit       Value[int]            `key:"pidsLimit" min:"1" doc:"processes"`
	Memory          Value[Size]           `key:"memory" doc:"memory"`
	MemorySwap      Value[Size]           `key:"memorySwap" doc:"memory and swap"`
	CPUs            Value[float64]        `key:"cpus" min:"0" doc:"processors"`
	DNS             List                  `key:"dns" doc:"name servers"`
	ExtraHosts      List                  `key:"extraHosts" doc:"names added to hosts"`
	SeccompProfile  Value[string]         `key:"seccompProfile" doc:"seccomp profile; unconfined is refused"`
	ApparmorProfile Value[string]         `key:"apparmorProfile" doc:"AppArmor profile; unconfined is refused"`
	SetupCommand    Value[string]         `key:"setupCommand" doc:"run once after creation"`
	Binds           List                  `key:"binds" doc:"host:container:ro or rw"`
	AllowReserved   Value[bool]           `key:"dangerouslyAllowReservedContainerTargets" def:"false" doc:"mounts over reserved places"`
	AllowExternal   Value[bool]           `key:"dangerouslyAllowExternalBindSources" def:"false" doc:"mounts from outside the workspace"`
	AllowJoin       Value[bool]           `key:"dangerouslyAllowContainerNamespaceJoin" def:"false" doc:"joining another container"`
	_               struct{}              `upstream:"ulimits gpus"`
}

// Route is one of bindings.
type Route struct {
	Origin
	AgentID Value[string] `key:"agentId" opt:"slug" doc:"who answers"`
	Match   RouteMatch    `key:"match" doc:"all given fields must hold"`
	_       struct{}      `upstream:"type comment acp session"`
}

// RouteMatch is bindings[].match.
type RouteMatch struct {
	Origin
	Channel   Value[string] `key:"channel" doc:"channel"`
	AccountID Value[string] `key:"accountId" doc:"account; * is any"`
	Peer      RoutePeer     `key:"peer" doc:"person or group"`
	GuildID   Value[string] `key:"guildId" opt:"ids" doc:"Discord server"`
	TeamID    Value[string] `key:"teamId" opt:"ids" doc:"Slack workspace"`
	Roles     List          `key:"roles" opt:"ids" doc:"Discord roles"`
}

// RoutePeer is bindings[].match.peer.
type RoutePeer struct {
	Origin
	Kind Value[string] `key:"kind" enum:"direct,group,channel" also:"dm=direct" doc:"what it is"`
	ID   Value[string] `key:"id" opt:"ids" doc:"its id"`
}

// Models is models.
type Models struct {
	Origin
	Mode      Value[string] `key:"mode" enum:"merge,replace" def:"merge" doc:"add to the built-in catalogue or replace it"`
	Default   ModelDefault  `key:"default" doc:"the guide's place of the default provider's key"`
	Providers Map[Provider] `key:"providers" doc:"providers"`
	_         struct{}      `upstream:"bedrockDiscovery pricing"`
}

// ModelDefault is models.default.
type ModelDefault struct {
	Origin
	Provider Value[string]    `key:"provider" doc:"provider of the key"`
	APIKey   Value[SecretRef] `key:"apiKey" doc:"key"`
	Model    Value[string]    `key:"model" doc:"model"`
	BaseURL  Value[string]    `key:"baseUrl" doc:"address"`
}

// Provider is models.providers.<id>.
type Provider struct {
	Origin
	BaseURL    Value[string]         `key:"baseUrl" doc:"address"`
	APIKey     Value[SecretRef]      `key:"apiKey" doc:"key"`
	API        Value[string]         `key:"api" doc:"wire format"`
	Auth       Value[string]         `key:"auth" enum:"api-key,token,oauth,aws-sdk" doc:"kind of credential"`
	AuthHeader Value[string]         `key:"authHeader" opt:"bool" doc:"send the key as bearer"`
	Headers    Map[Value[SecretRef]] `key:"headers" doc:"further headers"`
	Timeout    Value[Duration]       `key:"timeoutSeconds" unit:"s" doc:"longest request"`
	Models     []ModelEntry          `key:"models" doc:"its models"`
	_          struct{}              `upstream:"request injectNumCtxForOpenAICompat contextWindow contextTokens maxTokens params agentRuntime localService region"`
}

// ModelEntry is models.providers.<id>.models[].
type ModelEntry struct {
	Origin
	ID            Value[string] `key:"id" doc:"model id"`
	Name          Value[string] `key:"name" doc:"display name"`
	Reasoning     Value[bool]   `key:"reasoning" doc:"can reason"`
	Input         List          `key:"input" doc:"text, image"`
	Cost          ModelCost     `key:"cost" doc:"US dollars per million tokens"`
	ContextWindow Value[int]    `key:"contextWindow" min:"1" doc:"tokens"`
	ContextTokens Value[int]    `key:"contextTokens" min:"1" doc:"tokens used"`
	MaxTokens     Value[int]    `key:"maxTokens" min:"1" doc:"longest answer"`
	_             struct{}      `short:"id" upstream:"api baseUrl compat headers params thinkingLevelMap mediaInput agentRuntime"`
}

// ModelCost is a model's price.
type ModelCost struct {
	Origin
	Input      Value[float64] `key:"input" min:"0" doc:"input"`
	Output     Value[float64] `key:"output" min:"0" doc:"output"`
	CacheRead  Value[float64] `key:"cacheRead" min:"0" doc:"read from cache"`
	CacheWrite Value[float64] `key:"cacheWrite" min:"0" doc:"written to cache"`
	_          struct{}       `upstream:"tieredPricing"`
}

// ModelAuth is auth.
type ModelAuth struct {
	Origin
	Profiles Map[AuthProfile] `key:"profiles" doc:"named credentials"`
	Order    Map[List]        `key:"order" doc:"which is tried first, per provider"`
	_        struct{}         `upstream:"cooldowns"`
}

// AuthProfile is auth.profiles.<id>.
type AuthProfile struct {
	Origin
	Provider Value[string] `key:"provider" doc:"provider"`
	Mode     Value[string] `key:"mode" enum:"api_key,token,oauth,aws-sdk" doc:"kind"`
	_        struct{}      `upstream:"email displayName"`
}
