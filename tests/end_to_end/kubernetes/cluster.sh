#!/usr/bin/env bash
# cluster.sh - a real, disposable, single-node Kubernetes 1.20 cluster for integration tests,
# made from nothing but Debian 12 packages (no container registry, no downloads beside apt).
#
#   cluster.sh install              apt packages (compiler, etcd, containerd, runc, CNI plugins, ...)
#   cluster.sh build                Kubernetes binaries from Debian's source package into $KUBE_CACHE
#                                   (skipped when they are there already)
#   cluster.sh up                   start the cluster; returns once the node is Ready (idempotent)
#   cluster.sh down                 stop it and remove every trace of it (idempotent)
#   cluster.sh image NAME PATH      put an image into the node. PATH is a root directory, a tar of
#                                   one, or a tar written by `docker save`/`buildah push oci-archive:`.
#                                   IMAGE_CMD, IMAGE_ENTRYPOINT (JSON arrays), IMAGE_ENV (JSON array
#                                   of "K=V"), IMAGE_WORKDIR and IMAGE_USER set the image's config.
#   cluster.sh kubeconfig           print the path of the admin kubeconfig
#   cluster.sh kubectl ARGS...      kubectl of the same version as the cluster, as cluster admin
#   cluster.sh ctr ARGS...          containerd's ctr on the node's images/containers
#   cluster.sh gpus N               make the node offer N nvidia.com/gpu (nothing real behind them)
#   cluster.sh exec CMD...          run a command inside the node's namespaces
#   cluster.sh status               node, processes and their memory
#   cluster.sh logs COMPONENT       print a component's log (etcd, apiserver, kubelet, ...)
#
# Settings (environment):
#   KUBE_CACHE    where built binaries are kept             (default /var/cache/kube-it)
#   KUBE_ROOT     where a running cluster keeps its state   (default /tmp/kube-it; keep it short:
#                 it holds unix sockets)
#   KUBE_NAME     name of node, cgroup and host interface   (default kubeit; at most 10 letters)
#   KUBE_NET      first three numbers of the node's network (default 198.18.77; host .1, node .2)
#   KUBE_TAGS     Go build tags (default providerless,dockerless: no cloud SDKs, no docker)
#   KUBE_CRONJOB_V1  set to nothing to build without the batch/v1 CronJob addition (see below)
#   KUBE_KEEP_SRC set to 1 to keep the unpacked source and Go's build cache after `build`
#
# How it is contained: everything runs in namespaces of its own (mount, PID, network, UTS, IPC).
# The node's network namespace is joined to the host by one veth pair and has no default route, so
# nothing in the cluster reaches any other machine, kube-proxy's iptables rules never touch the
# host's, and ports cannot clash. `down` ends the PID namespace's init, and with it every process,
# mount, interface and rule; then it removes the cgroups and $KUBE_ROOT. The node is reached from
# the host at $KUBE_NET.2: API server :6443, NodePort services :30000-32767. Two clusters can run
# side by side when KUBE_ROOT, KUBE_NAME and KUBE_NET all differ.
#
# What it lacks: Job spec.suspend and Indexed Jobs (1.21+: the server drops such fields silently)
# and all else newer than 1.20. No CoreDNS (dnsmasq stands in), no metrics
# server, no ingress, no NetworkPolicy, no NFS volumes where the kernel has no NFS client.
set -euo pipefail

KUBE_CACHE=${KUBE_CACHE:-/var/cache/kube-it}
KUBE_ROOT=${KUBE_ROOT:-/tmp/kube-it}
KUBE_NAME=${KUBE_NAME:-kubeit}
KUBE_NET=${KUBE_NET:-198.18.77}
KUBE_TAGS=${KUBE_TAGS:-providerless,dockerless}
KUBE_KEEP_SRC=${KUBE_KEEP_SRC:-}
KUBE_CRONJOB_V1=${KUBE_CRONJOB_V1-1}

HOST_IP=$KUBE_NET.1 NODE_IP=$KUBE_NET.2
POD_CIDR=10.244.0.0/24 SVC_CIDR=10.96.0.0/16 SVC_API=10.96.0.1
BIN=$KUBE_CACHE/bin PKI=$KUBE_ROOT/pki ETC=$KUBE_ROOT/etc LOG=$KUBE_ROOT/log
SOCK=$KUBE_ROOT/containerd.sock
BINARIES=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl pause)
SELF=$(readlink -f "${BASH_SOURCE[0]}")

say() { printf '%s\n' "cluster.sh: $*" >&2; }
die() { say "$*"; exit 1; }
need_root() { [ "$(id -u)" = 0 ] || die "must run as root"; }

# ---------------------------------------------------------------------------------- install
RUN_PACKAGES=(etcd-server containerd runc iptables conntrack iproute2 procps util-linux
  containernetworking-plugins busybox-static dnsmasq-base openssl curl jq)
BUILD_PACKAGES=(golang-go gcc libc6-dev dpkg-dev xz-utils)

# Keep package scripts from starting etcd or containerd as services of the host.
without_services() {
  local policy=/usr/sbin/policy-rc.d mine='' rc=0
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; mine=1; fi
  "$@" || rc=$?
  [ -z "$mine" ] || rm -f $policy
  return $rc
}

cmd_install() {
  need_root
  local want=("${RUN_PACKAGES[@]}") missing=() p
  # The compiler is needed only where the binaries still have to be built.
  built || want+=("${BUILD_PACKAGES[@]}")
  for p in "${want[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing+=("$p")
  done
  if [ ${#missing[@]} = 0 ]; then say "packages: all there"; return; fi
  say "packages: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q -o DPkg::Lock::Timeout=600 update
  without_services apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "${missing[@]}"
}

# ------------------------------------------------------------------------------------ build
built() {
  local b
  for b in "${BINARIES[@]}"; do [ -x "$BIN/$b" ] || return 1; done
}

# apt-get/apt-cache with source entries made from the machine's own Debian entries, and with their
# lists in a private directory: nothing under /etc/apt or /var/lib/apt changes.
apt_src() {
  local tool=$1; shift
  "$tool" -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$KUBE_CACHE/apt/parts" \
    -o Dir::State::Lists="$KUBE_CACHE/apt/lists" -o APT::Sandbox::User=root "$@"
}
apt_src_setup() {
  local d=$KUBE_CACHE/apt
  rm -rf "$d"
  mkdir -p "$d/parts" "$d/lists/partial"
  if [ -e /etc/apt/sources.list.d/debian.sources ]; then
    sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources >"$d/parts/debian.sources"
  fi
  if [ -e /etc/apt/sources.list ]; then
    sed -n 's#^deb \(.*/debian.*\)#deb-src \1#p' /etc/apt/sources.list >"$d/parts/main.list"
  fi
  apt_src apt-get update
}

# Kubernetes 1.20 serves CronJob only as batch/v1beta1, which 1.25 removed; the two have the same
# fields. Serve it as batch/v1 as well (stored as v1beta1, converted by the server), so that clients
# written for today's clusters work. JSON only: batch/v1 CronJob gets no protobuf encoding.
backport_cronjob_v1() { # in the source tree; cmd_build has set GOPATH and $work
  local api=staging/src/k8s.io/api/batch dir=pkg/apis/batch/v1 f
  {
    echo
    sed -n '/^\/\/ JobTemplateSpec describes/,$p' $api/v1beta1/types.go |
      sed -e '/prerelease-lifecycle-gen/d; /^\/\/ +genclient/d' -e 's/batchv1\.JobSpec/JobSpec/'
  } >>$api/v1/types.go
  sed -i 's/^\t\t&JobList{},/&\n\t\t\&CronJob{},\n\t\t\&CronJobList{},/' $api/v1/register.go
  {
    echo
    sed -n '/^func SetDefaults_CronJob/,/^}/p' pkg/apis/batch/v1beta1/defaults.go | sed 's/batchv1beta1/batchv1/g'
  } >>$dir/defaults.go
  sed -n '/^func addConversionFuncs/,/^}/p' pkg/apis/batch/v1beta1/conversion.go >$dir/conversion.new
  sed -i -e "/^func addConversionFuncs/,/^}/{/^}/r $dir/conversion.new" -e 'd}' $dir/conversion.go
  rm $dir/conversion.new
  # v1Storage gets the two entries that v1beta1Storage has.
  awk '/^func .* v1Storage\(/ {v1 = 1}
       /^func .* v1beta1Storage\(/ {v1 = 0}
       v1 && /^\treturn storage, err$/ {
         print "\tcronJobsStorage, cronJobsStatusStorage, err := cronjobstore.NewREST(restOptionsGetter)"
         print "\tif err != nil {\n\t\treturn storage, err\n\t}"
         print "\tstorage[\"cronjobs\"] = cronJobsStorage\n\tstorage[\"cronjobs/status\"] = cronJobsStatusStorage\n"
       }
       {print}' pkg/registry/batch/rest/storage_batch.go >storage.new
  mv storage.new pkg/registry/batch/rest/storage_batch.go
  # Then let Kubernetes' own generators do the rest.
  local gen=k8s.io/code-generator/cmd h=vendor/k8s.io/code-generator/hack/boilerplate.go.txt
  mkdir -p "$work/gen"
  go build -o "$work/gen/" ./vendor/$gen/deepcopy-gen ./vendor/$gen/defaulter-gen ./vendor/$gen/conversion-gen
  "$work/gen/deepcopy-gen" --logtostderr -h $h -i k8s.io/kubernetes/vendor/k8s.io/api/batch/v1 \
    -O zz_generated.deepcopy --bounding-dirs k8s.io/kubernetes,k8s.io/api
  "$work/gen/defaulter-gen" --logtostderr -h $h -i k8s.io/kubernetes/$dir -O zz_generated.defaults \
    --extra-peer-dirs k8s.io/kubernetes/$dir,k8s.io/kubernetes/pkg/apis/core/v1
  "$work/gen/conversion-gen" --logtostderr -h $h -i k8s.io/kubernetes/$dir -O zz_generated.conversion \
    --extra-peer-dirs k8s.io/kubernetes/pkg/apis/core,k8s.io/kubernetes/pkg/apis/core/v1,k8s.io/api/core/v1
}

cmd_build() {
  if built; then say "build: $BIN is complete"; return; fi
  mkdir -p "$KUBE_CACHE"
  local work=$KUBE_CACHE/work src version pkg t0=$SECONDS
  src=$work/go/src/k8s.io/kubernetes        # a GOPATH: see below
  if [ ! -e "$src/.unpacked" ]; then
    rm -rf "$work"; mkdir -p "$work/dl" "$work/go/src/k8s.io"
    say "build: getting the source package"
    # `kubernetes` is the source of Debian's kubectl; in Debian 12 it holds all of Kubernetes with
    # its vendored dependencies (from Debian 13 on it is kubectl only).
    apt_src_setup
    version=$(apt_src apt-cache showsrc --only-source kubernetes | sed -n 's/^Version: \(1\.20\..*\)/\1/p' | sort -V | tail -n1)
    [ -n "$version" ] || die "build: this machine's Debian mirror has no source package of kubernetes 1.20"
    (cd "$work/dl" && apt_src apt-get source --only-source "kubernetes=$version")
    mv "$work"/dl/kubernetes-*/ "$src"
    rm -rf "$KUBE_CACHE/apt"
    # The vendored reflect2 1.0.1 walks Go maps with a runtime call that changed in Go 1.18, so it
    # crashes when built with Debian's Go 1.19. 1.0.2, packaged by Debian, is a drop-in fix.
    (cd "$work/dl" && apt-get -q -o APT::Sandbox::User=root download golang-github-modern-go-reflect2-dev \
      && dpkg -x golang-github-modern-go-reflect2-dev_*.deb x)
    rm -rf "$src/vendor/github.com/modern-go/reflect2"
    cp -rL "$work/dl/x/usr/share/gocode/src/github.com/modern-go/reflect2" "$src/vendor/github.com/modern-go/"
    rm -rf "$src"/vendor/github.com/modern-go/reflect2/{*_test.go,go.mod} "$work/dl"
    touch "$src/.unpacked"
  fi
  # Go >= 1.16 rejects this go.mod ("updates to go.mod needed"), so build the way Kubernetes 1.20's
  # own Makefile does: in a GOPATH, modules off, vendor/ in use.
  export GO111MODULE=off GOFLAGS='' GOPATH=$work/go GOCACHE=$work/gocache CGO_ENABLED=0
  cd "$src"
  if [ -n "$KUBE_CRONJOB_V1" ] && [ ! -e "$src/.cronjob-v1" ]; then
    say "build: adding batch/v1 CronJob"
    backport_cronjob_v1
    touch "$src/.cronjob-v1"
  fi
  if [ ! -e pkg/generated/openapi/zz_generated.openapi.go ]; then
    # The only generated file that is not in the source package.
    say "build: generating the OpenAPI definitions"
    go build -o "$work/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
    local dirs
    dirs=$(find cmd pkg plugin vendor/k8s.io/*/ -name '*.go' \
        | grep -v -E '^vendor/k8s.io/(code-generator|sample-apiserver)/' \
        | xargs grep -l '^// *+k8s:openapi-gen=' | xargs -n1 dirname | LC_ALL=C sort -u \
        | sed 's#^#k8s.io/kubernetes/#' | paste -sd,)
    "$work/openapi-gen" --logtostderr -i "$dirs" -p k8s.io/kubernetes/pkg/generated/openapi \
      -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$work/violations"
  fi
  version=v$(dpkg-parsechangelog -S Version | sed -E 's/.*really//; s/[-+].*//')
  local x='' p
  for p in k8s.io/client-go/pkg/version k8s.io/component-base/version; do
    pkg=k8s.io/kubernetes/vendor/$p
    x+=" -X $pkg.gitVersion=$version -X $pkg.gitMajor=1 -X $pkg.gitMinor=20 -X $pkg.gitTreeState=archive"
  done
  say "build: compiling Kubernetes $version with $(go version)"
  rm -rf "$work/out"; mkdir -p "$work/out" "$BIN"
  go build -tags "$KUBE_TAGS" -trimpath -ldflags "-s -w $x" -o "$work/out/" \
    ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler \
    ./cmd/kubelet ./cmd/kube-proxy ./cmd/kubectl
  gcc -Os -Wall -static -s -o "$work/out/pause" build/pause/linux/pause.c
  mv "$work"/out/* "$BIN"/
  cd /
  [ -n "$KUBE_KEEP_SRC" ] || { chmod -R u+w "$work"; rm -rf "$work"; }
  say "build: done in $((SECONDS - t0)) s: $(du -sh "$BIN" | cut -f1) in $BIN"
}

# ------------------------------------------------------------------------ certificates, config
# cert NAME SUBJECT [SAN]: a key and a certificate of the cluster's CA, for client and server use.
cert() {
  local name=$1 subj=$2 san=${3:-}
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/$name.key"
  openssl req -new -sha256 -key "$PKI/$name.key" -subj "$subj" -out "$PKI/$name.csr"
  {
    echo 'basicConstraints=CA:FALSE'
    echo 'keyUsage=digitalSignature,keyEncipherment'
    echo 'extendedKeyUsage=clientAuth,serverAuth'
    [ -z "$san" ] || echo "subjectAltName=$san"
  } >"$PKI/$name.ext"
  openssl x509 -req -sha256 -days 30 -in "$PKI/$name.csr" -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" \
    -CAcreateserial -extfile "$PKI/$name.ext" -out "$PKI/$name.crt" 2>/dev/null
  rm "$PKI/$name.csr" "$PKI/$name.ext"
}

kubeconfig_for() { # NAME FILE
  local b64='base64 -w0'
  cat >"$2" <<YAML
apiVersion: v1
kind: Config
clusters:
- name: $KUBE_NAME
  cluster: {server: "https://$NODE_IP:6443", certificate-authority-data: $($b64 "$PKI/ca.crt")}
users:
- name: $1
  user: {client-certificate-data: $($b64 "$PKI/$1.crt"), client-key-data: $($b64 "$PKI/$1.key")}
contexts:
- name: $KUBE_NAME
  context: {cluster: $KUBE_NAME, user: $1}
current-context: $KUBE_NAME
YAML
  chmod 600 "$2"
}

write_config() {
  mkdir -p "$PKI" "$ETC/cni" "$ETC/manifests" "$LOG" "$KUBE_ROOT"/{kubelet,varlog,containerd,pv,fakesys}
  chmod 700 "$PKI"
  openssl ecparam -name prime256v1 -genkey -noout -out "$PKI/ca.key"
  openssl req -x509 -new -sha256 -days 30 -key "$PKI/ca.key" -subj "/CN=$KUBE_NAME-ca" \
    -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature -out "$PKI/ca.crt"
  openssl genrsa -out "$PKI/sa.key" 2048 2>/dev/null
  openssl rsa -in "$PKI/sa.key" -pubout -out "$PKI/sa.pub" 2>/dev/null
  cert apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$NODE_IP,IP:$SVC_API,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  cert kubelet-client "/O=system:masters/CN=kube-apiserver-kubelet-client"
  cert admin "/O=system:masters/CN=admin"
  cert controller-manager /CN=system:kube-controller-manager
  cert scheduler /CN=system:kube-scheduler
  cert proxy /CN=system:kube-proxy
  cert kubelet "/O=system:nodes/CN=system:node:$KUBE_NAME" "IP:$NODE_IP,DNS:$KUBE_NAME"
  local u
  for u in admin controller-manager scheduler proxy kubelet; do kubeconfig_for $u "$ETC/$u.conf"; done

  cat >"$ETC/containerd.toml" <<TOML
version = 2
root = "$KUBE_ROOT/containerd"
state = "/run/containerd"
[grpc]
  address = "$SOCK"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # Without CAP_SYS_RESOURCE (as on the CI machines) nobody may lower an oom_score_adj, and runc
  # gives up on a container that asks for it; with this, containerd does not ask.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$ETC/cni"
TOML
  cat >"$ETC/cni/10-bridge.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "isDefaultGateway": true, "ipMasq": true,
   "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "dataDir": "/run/cni-ipam"}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  cat >"$ETC/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
cgroupDriver: cgroupfs
cgroupRoot: /$KUBE_NAME
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [$NODE_IP]
resolvConf: $ETC/resolv.conf
staticPodPath: $ETC/manifests
maxPods: 200
nodeStatusUpdateFrequency: 4s
# Images come from no registry, so none may ever be garbage-collected, and the disk of a CI machine
# may be nearly full.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 50Mi, nodefs.available: 0%, nodefs.inodesFree: 0%, imagefs.available: 0%}
YAML
  cat >"$ETC/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $ETC/proxy.conf}
mode: iptables
clusterCIDR: $POD_CIDR
hostnameOverride: $KUBE_NAME
iptables: {minSyncPeriod: 0s, syncPeriod: 10s}
# Zero: leave the machine's conntrack sysctls alone.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
  : >"$ETC/resolv.conf"
}

# ------------------------------------------------------------------------------- the sandbox
# Runs as PID 1 of the new PID namespace, in new mount, network, UTS and IPC namespaces.
cmd___sandbox() {
  # /proc is still the host's here, so this is our PID as the host sees it.
  local pid _
  read -r pid _ </proc/self/stat
  echo "$pid" >"$KUBE_ROOT/init.pid.tmp"; mv "$KUBE_ROOT/init.pid.tmp" "$KUBE_ROOT/init.pid"
  mount --make-rprivate /
  mount -t proc proc /proc
  hostname "$KUBE_NAME"
  # Wait for the host to move our end of the veth pair in here.
  local i
  for ((i = 0; i < 100; i++)); do ip link show eth0 >/dev/null 2>&1 && break; sleep 0.05; done
  ip link set lo up
  ip addr add "$NODE_IP/24" dev eth0
  ip link set eth0 up
  echo 1 >/proc/sys/net/ipv4/ip_forward
  [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables || :

  # Private copies of the directories whose paths are fixed in containerd, kubelet and runc.
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /run/lock
  mount --bind "$KUBE_ROOT/kubelet" /var/lib/kubelet
  mount --make-shared /var/lib/kubelet
  mount --bind "$KUBE_ROOT/varlog" /var/log
  mkdir -p /tmp/hostpath_pv; mount --bind "$KUBE_ROOT/pv" /tmp/hostpath_pv
  # kubelet insists on setting some kernel-wide sysctls: let it write into plain files instead.
  local kv f
  for kv in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
            kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    [ -e "/proc/sys/${kv%=*}" ] || continue
    f=$KUBE_ROOT/fakesys/$(echo "${kv%=*}" | tr / _)
    echo "${kv#*=}" >"$f"
    mount --bind "$f" "/proc/sys/${kv%=*}"
  done
  # etcd's data in memory: it syncs on every write, which a test cluster does not need.
  mkdir -p /run/etcd; chmod 700 /run/etcd

  trap 'exit 0' TERM INT
  start etcd etcd --name node --data-dir /run/etcd --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 \
    --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster node=http://127.0.0.1:2380
  start containerd containerd --config "$ETC/containerd.toml"
  local gates=TTLAfterFinished=true,CronJobControllerV2=true
  start apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
    --advertise-address="$NODE_IP" --bind-address=0.0.0.0 --secure-port=6443 \
    --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --client-ca-file="$PKI/ca.crt" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-client-certificate="$PKI/kubelet-client.crt" \
    --kubelet-client-key="$PKI/kubelet-client.key" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/sa.pub" \
    --service-account-signing-key-file="$PKI/sa.key" --service-cluster-ip-range="$SVC_CIDR" \
    --allow-privileged=true --feature-gates=$gates --shutdown-delay-duration=0s
  start controller-manager "$BIN/kube-controller-manager" --kubeconfig="$ETC/controller-manager.conf" \
    --authentication-kubeconfig="$ETC/controller-manager.conf" --authorization-kubeconfig="$ETC/controller-manager.conf" \
    --leader-elect=false --use-service-account-credentials=true --root-ca-file="$PKI/ca.crt" \
    --service-account-private-key-file="$PKI/sa.key" --cluster-signing-cert-file="$PKI/ca.crt" \
    --cluster-signing-key-file="$PKI/ca.key" --enable-hostpath-provisioner=true --feature-gates=$gates
  start scheduler "$BIN/kube-scheduler" --kubeconfig="$ETC/scheduler.conf" --leader-elect=false \
    --authentication-kubeconfig="$ETC/scheduler.conf" --authorization-kubeconfig="$ETC/scheduler.conf"
  start kubelet "$BIN/kubelet" --config="$ETC/kubelet.yaml" --kubeconfig="$ETC/kubelet.conf" \
    --hostname-override="$KUBE_NAME" --node-ip="$NODE_IP" --container-runtime=remote \
    --container-runtime-endpoint="unix://$SOCK" --volume-plugin-dir="$KUBE_ROOT/volplugins"
  start proxy "$BIN/kube-proxy" --config="$ETC/proxy.yaml"
  # Cluster DNS, in place of CoreDNS: dnsmasq with a hosts file made from the list of services.
  # (A records of services with a cluster IP only.)
  : >/run/services.hosts
  start dns dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --pid-file=/run/dns.pid \
    --bind-interfaces --listen-address="$NODE_IP" --no-resolv --no-hosts --local=/cluster.local/ \
    --addn-hosts=/run/services.hosts --local-ttl=1
  start dns-feed dns_feed
  # Reap orphans until told to stop (bash as PID 1 does that by itself while it waits).
  while :; do sleep 1000 & wait $! || :; done
}

dns_feed() {
  k get services -A --watch -o name | while read -r _; do
    k get services -A -o json | jq -r '.items[] | select(.spec.clusterIP | test("^[0-9]"))
      | "\(.spec.clusterIP) \(.metadata.name).\(.metadata.namespace).svc.cluster.local"' >/run/services.hosts
    kill -HUP "$(cat /run/dns.pid)"
  done
}

# start NAME CMD...: keep a component running; its log is $LOG/NAME.log. The control plane's parts
# end themselves while another is not there yet, so each is simply started again.
start() {
  local name=$1; shift
  (
    trap - TERM INT
    set +e
    while :; do
      "$@" >>"$LOG/$name.log" 2>&1 </dev/null
      echo "--- $name ended with $? at $(date -Is)" >>"$LOG/$name.log"
      sleep 0.5
    done
  ) &
}

# -------------------------------------------------------------------------------------- up
running() { [ -e "$KUBE_ROOT/init.pid" ] && kill -0 "$(cat "$KUBE_ROOT/init.pid")" 2>/dev/null; }
k() { "$BIN/kubectl" --kubeconfig "$ETC/admin.conf" "$@"; }

# The cgroup directory that holds all pods, in every hierarchy there is.
cgroup_dirs() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$KUBE_NAME"; return; fi
  local d
  for d in /sys/fs/cgroup/*/; do
    [ -L "${d%/}" ] || [ ! -e "$d/cgroup.procs" ] || echo "${d%/}/$KUBE_NAME"
  done
}
make_cgroups() {
  local d c
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then           # cgroup v2 (not what CI has)
    for c in $(cat /sys/fs/cgroup/cgroup.controllers); do
      echo "+$c" >/sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || :
    done
  fi
  for d in $(cgroup_dirs); do
    mkdir -p "$d"
    if [ -e "$d/cpuset.cpus" ] && [ -z "$(cat "$d/cpuset.cpus")" ]; then
      cat "${d%/*}/cpuset.cpus" >"$d/cpuset.cpus"; cat "${d%/*}/cpuset.mems" >"$d/cpuset.mems"
    fi
  done
}

cmd_up() {
  need_root
  built || die "no binaries in $BIN: run '$0 build' first"
  if running; then
    k get --raw /readyz >/dev/null && { say "up: already running"; return; }
    say "up: running but not healthy: starting over"
  fi
  cmd_down
  local t0=${EPOCHREALTIME/./} i
  [[ $KUBE_ROOT == /* ]] || die "up: KUBE_ROOT must be an absolute path"
  [ -z "$(ls -A "$KUBE_ROOT" 2>/dev/null)" ] || die "up: $KUBE_ROOT holds something else"
  mkdir -p "$KUBE_ROOT" /var/lib/kubelet
  chmod 755 "$KUBE_ROOT"
  touch "$KUBE_ROOT/.kube-it"
  write_config
  make_cgroups

  setsid unshare --mount --pid --net --uts --ipc --fork --kill-child \
    bash "$SELF" __sandbox >"$LOG/sandbox.log" 2>&1 </dev/null &
  disown
  for ((i = 0; i < 100; i++)); do [ -e "$KUBE_ROOT/init.pid" ] && break; sleep 0.05; done
  [ -e "$KUBE_ROOT/init.pid" ] || die "up: the sandbox did not start: $(cat "$LOG/sandbox.log")"
  ip link add "$KUBE_NAME-h" type veth peer name eth0 netns "$(cat "$KUBE_ROOT/init.pid")"
  ip addr add "$HOST_IP/24" dev "$KUBE_NAME-h"
  ip link set "$KUBE_NAME-h" up

  wait_for 60 "containerd" ctr -a "$SOCK" version
  pause_image
  busybox_image
  wait_for 120 "the API server" k get --raw /readyz
  wait_for 120 "the node to register" k get node "$KUBE_NAME"
  wait_for 120 "the node to be Ready" node_ready
  wait_for 60 "the default service account" k get serviceaccount default
  k apply -f - >/dev/null <<YAML
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: kube-proxy}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:node-proxier"}
subjects: [{kind: User, name: "system:kube-proxy", apiGroup: rbac.authorization.k8s.io}]
---
# PVCs get a directory in $KUBE_ROOT/pv (by the controller manager's built-in test provisioner).
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/host-path
YAML
  say "up: ready after $(((${EPOCHREALTIME/./} - t0) / 100000)) tenths of a second; KUBECONFIG=$ETC/admin.conf"
}

node_ready() {
  [ "$(k get node "$KUBE_NAME" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ] &&
    [ -z "$(k get node "$KUBE_NAME" -o 'jsonpath={.spec.taints}')" ]
}

wait_for() { # SECONDS WHAT CMD...
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do
    running || die "up: the sandbox ended while waiting for $what: see $LOG"
    [ $SECONDS -lt $end ] || die "up: gave up waiting for $what: see $LOG"
    sleep 0.2
  done
}

# ------------------------------------------------------------------------------------ down
cmd_down() {
  need_root
  local pid d i
  if running; then
    pid=$(cat "$KUBE_ROOT/init.pid")
    # The kernel ends everything in a PID namespace with its first process.
    kill -KILL "$pid" 2>/dev/null || :
    for ((i = 0; i < 200; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  fi
  ip link del "$KUBE_NAME-h" 2>/dev/null || :
  for d in $(cgroup_dirs); do
    [ -d "$d" ] || continue
    for ((i = 0; i < 40; i++)); do
      find "$d" -depth -type d -exec rmdir {} + 2>/dev/null || :
      [ -d "$d" ] || break
      sleep 0.1
    done
  done
  # Only a directory that `up` made: a mistyped $KUBE_ROOT must not cost anyone their files.
  [ ! -e "$KUBE_ROOT/.kube-it" ] || rm -rf --one-file-system "$KUBE_ROOT"
}

# ----------------------------------------------------------------------------------- images
# Names without a registry mean docker.io/library/..., as kubelet reads them.
full_name() {
  local n=$1
  [[ ${n##*/} == *:* ]] || n=$n:latest
  case $n in
    localhost/* | *.*/* | *:*/*) echo "$n" ;;
    */*) echo "docker.io/$n" ;;
    *) echo "docker.io/library/$n" ;;
  esac
}

cmd_image() {
  need_root
  [ $# = 2 ] || die "usage: image NAME ROOTFS_OR_TAR"
  running || die "image: the cluster is not running"
  local name path=$2 tmp entries
  name=$(full_name "$1")
  if [ -f "$path" ]; then
    entries=$(tar -tf "$path" 2>/dev/null | sed 's#^\./##' | grep -x -E 'manifest\.json|oci-layout' || :)
    if [ -n "$entries" ]; then                    # already an image: import it under this name
      local out
      out=$(ctr -a "$SOCK" -n k8s.io images import --base-name "${name%:*}" "$path")
      echo "$out" >&2
      out=$(sed -nE 's/^unpacking ([^ ]+) .*/\1/p' <<<"$out" | head -n1)
      [ -n "$out" ] || die "image: $path holds no image called ${name%:*}"
      [ "$out" = "$name" ] || ctr -a "$SOCK" -n k8s.io images tag --force "$out" "$name" >/dev/null
      return
    fi
  fi
  tmp=$(mktemp -d "$KUBE_ROOT/image.XXXXXX")
  if [ -d "$path" ]; then
    tar -C "$path" --numeric-owner --sort=name --one-file-system -cf "$tmp/layer.tar" .
  else
    case $(head -c4 "$path" | od -An -tx1 | tr -d ' ') in
      1f8b*) gzip -dc "$path" ;; fd377a58) xz -dc "$path" ;; 28b52ffd) zstd -dc "$path" ;; *) cat "$path" ;;
    esac >"$tmp/layer.tar"
  fi
  local diff config
  diff=$(sha256sum "$tmp/layer.tar" | cut -d' ' -f1)
  jq -n --arg diff "sha256:$diff" --arg arch "$(dpkg --print-architecture)" \
    --argjson cmd "${IMAGE_CMD:-[\"/bin/sh\"]}" --argjson ep "${IMAGE_ENTRYPOINT:-null}" \
    --argjson env "${IMAGE_ENV:-[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"]}" \
    --arg wd "${IMAGE_WORKDIR:-/}" --arg user "${IMAGE_USER:-}" \
    '{architecture: $arch, os: "linux", created: "1970-01-01T00:00:00Z",
      config: {Cmd: $cmd, Entrypoint: $ep, Env: $env, WorkingDir: $wd, User: $user},
      rootfs: {type: "layers", diff_ids: [$diff]}}' >"$tmp/config.json"
  config=$(sha256sum "$tmp/config.json" | cut -d' ' -f1).json
  mv "$tmp/config.json" "$tmp/$config"
  jq -n --arg c "$config" --arg n "$name" '[{Config: $c, RepoTags: [$n], Layers: ["layer.tar"]}]' >"$tmp/manifest.json"
  tar -C "$tmp" -cf - manifest.json "$config" layer.tar | ctr -a "$SOCK" -n k8s.io images import - >/dev/null
  rm -rf "$tmp"
  say "image: $name"
}

pause_image() {
  local d; d=$(mktemp -d)
  install -m 755 "$BIN/pause" "$d/pause"
  IMAGE_CMD=null IMAGE_ENTRYPOINT='["/pause"]' IMAGE_USER=65535:65535 cmd_image localhost/pause:1 "$d"
  rm -rf "$d"
}

# A small image that tests can use straight away: busybox:1 (also as busybox:latest).
busybox_image() {
  local d a; d=$(mktemp -d)
  chmod 755 "$d"
  mkdir -p "$d"/{bin,etc,tmp,var,root,home,proc,sys,dev,usr/bin,usr/sbin,sbin}
  chmod 1777 "$d/tmp"
  install -m 755 /bin/busybox "$d/bin/busybox"
  for a in $(/bin/busybox --list); do [ "$a" = busybox ] || ln -s busybox "$d/bin/$a"; done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$d/etc/passwd"; echo 'root:x:0:' >"$d/etc/group"
  cmd_image busybox:1 "$d"
  cmd_tag busybox:1 busybox:latest
  rm -rf "$d"
}
cmd_tag() { ctr -a "$SOCK" -n k8s.io images tag --force "$(full_name "$1")" "$(full_name "$2")" >/dev/null; }

# ------------------------------------------------------------------------------------ others
cmd_kubeconfig() { running || die "not running"; echo "$ETC/admin.conf"; }
cmd_kubectl() { exec "$BIN/kubectl" --kubeconfig "$ETC/admin.conf" "$@"; }
cmd_ctr() { exec ctr -a "$SOCK" -n k8s.io "$@"; }
cmd_exec() { exec nsenter -t "$(cat "$KUBE_ROOT/init.pid")" -m -p -n -u -i -- "$@"; }
cmd_logs() { cat "$LOG/${1:?component}.log"; }

# Extended resources that nothing backs: kubelet copies a foreign capacity into allocatable.
cmd_gpus() {
  curl -sS --fail --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" -X PATCH \
    -H 'Content-Type: application/json-patch+json' "https://$NODE_IP:6443/api/v1/nodes/$KUBE_NAME/status" \
    -d "[{\"op\": \"add\", \"path\": \"/status/capacity/nvidia.com~1gpu\", \"value\": \"${1:?how many}\"}]" >/dev/null
  local end=$((SECONDS + 30))
  until [ "$(k get node "$KUBE_NAME" -o 'jsonpath={.status.allocatable.nvidia\.com/gpu}')" = "$1" ]; do
    [ $SECONDS -lt $end ] || die "gpus: the node does not show them"
    sleep 0.3
  done
}

cmd_status() {
  running || { say "not running"; return 3; }
  k get nodes -o wide
  cmd_exec ps -eo pid,rss,etimes,comm --sort=-rss | head -n 20
}

cmd=${1:-help}
[ $# = 0 ] || shift
case $cmd in
  install | build | up | down | image | tag | kubeconfig | kubectl | ctr | gpus | exec | status | logs | __sandbox) "cmd_$cmd" "$@" ;;
  *) sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//p}' "$SELF"; [ "$cmd" = help ] || exit 2 ;;
esac
