// The editor is used through one function, which takes all of it.
declare const kit: any;
export = kit;
