# Twelve apps, each made in a way of its own; CASES in checks/conftest.py has the same order. The
# names are spread over the namespaces in alphabetical order, so that they tell nothing.
jq --null-input '
  def good: {runAsNonRoot: true, runAsUser: 10001};
  def root: {runAsNonRoot: false, runAsUser: 0};
  def clerk($name; $env): {$name, image: "docker.io/labctl/clerk:lab", $env};
  def first($env): clerk("app"; $env) + {ports: [{name: "first",
    containerPort: ($env.LISTEN // ":8080" | ltrimstr(":") | tonumber)}]};
  def app: first({});
  def second($name): clerk($name; {LISTEN: ":8081"})
    + {ports: [{name: "second", containerPort: 8081}]};
  def numbered: {image: "docker.io/labctl/root-audit.numbered:lab"};
  def data: [{name: "data", emptyDir: {}}];
  def mounted: {volumeMounts: [{name: "data", mountPath: "/data"}]};
  def prepare: clerk("prepare"; {}) + mounted + {args: ["prepare", "/data/books", "10001"]};
  def books: first({LEDGER: "/data/books/ledger"}) + mounted;

  def ways: [
    { securityContext: {runAsUser: 0},
      containers: [first({LEDGER: "/books/ledger"})] },
    { securityContext: good,
      containers: [app + {securityContext: root}] },
    { securityContext: good,
      containers: [app + {securityContext: {runAsNonRoot: false}}] },
    { containers: [first({LISTEN: ":80"})
        + {securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true}}] },
    { containers: [app + numbered + {securityContext: {allowPrivilegeEscalation: false}}] },
    { securityContext: good,
      initContainers: [prepare + {securityContext: root}],
      containers: [books], volumes: data },
    { containers: [first({READ: "/keys/opening"})
        + {securityContext: {runAsUser: 0}, volumeMounts: [{name: "keys", mountPath: "/keys"}]}],
      volumes: [{name: "keys", secret: {secretName: "opening", defaultMode: 256}}] },
    { securityContext: good,
      initContainers: [second("log") + {restartPolicy: "Always", securityContext: root}],
      containers: [app] },
    { securityContext: {runAsUser: 10001},
      containers: [app + {securityContext: {runAsNonRoot: true}}, second("helper")] },
    { securityContext: (good + {runAsGroup: 0}),
      initContainers: [second("log") + {restartPolicy: "Always"}],
      containers: [app] },
    { initContainers: [prepare + {securityContext: good}],
      containers: [books + {securityContext: good}, second("helper") + {securityContext: good}],
      volumes: data },
    { securityContext: {runAsNonRoot: true},
      containers: [app + numbered] }
  ];

  def finished($app): {
    env: (.env + {KEY: "\($ENV.FACT_KEY)-\($app)-\(.name)"} | to_entries
      | map({name: .key, value: .value})),
    resources: {requests: {cpu: "5m", memory: "8Mi"}, limits: {memory: "64Mi"}}
  } as $more | . + $more;

  def deployment($app; $place): {
    apiVersion: "apps/v1", kind: "Deployment", metadata: ($place + {name: $app}),
    spec: {
      selector: {matchLabels: {app: $app}},
      template: {
        metadata: {labels: {app: $app}},
        spec: (((.containers, .initContainers | arrays) |= map(finished($app)))
          + {automountServiceAccountToken: false, enableServiceLinks: false,
             terminationGracePeriodSeconds: 1})
      }
    }
  };

  # Ports are found by their names, so that whoever moves one changes the Deployment only.
  def service($app; $place): {
    apiVersion: "v1", kind: "Service", metadata: ($place + {name: $app}),
    spec: {
      selector: {app: $app},
      ports: [(.containers[], (.initContainers | arrays[])).ports[]?.name
        | {name: ., port: {first: 80, second: 81}[.], targetPort: .}]
    }
  };

  ($ENV.FACT_APPS / ",") as $apps
  | ($ENV.FACT_NAMESPACES / ",") as $namespaces
  | ($apps | sort) as $sorted
  | {apiVersion: "v1", kind: "List", items: [
      ($namespaces[] | {apiVersion: "v1", kind: "Namespace", metadata: {name: .}},
        {apiVersion: "v1", kind: "Secret", metadata: {name: "opening", namespace: .},
         stringData: {opening: $ENV.FACT_OPENING}}),
      (range(12) as $n | $apps[$n] as $app
        | {namespace: $namespaces[($sorted | index($app)) % 4]} as $place
        | ways[$n] | deployment($app; $place), service($app; $place))
    ]}
' | kubectl create --filename=- >/dev/null
